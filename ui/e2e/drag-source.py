"""A window from which files can be dragged, as from a file manager: drag-source.py X Y PATH…

It stands at X, Y of the screen, is 80 pixels wide and high, and says "ready" once it is shown.
"""

import sys

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

x, y, *paths = sys.argv[1:]
window = Gtk.Window(type=Gtk.WindowType.POPUP)
window.set_default_size(80, 80)
window.move(int(x), int(y))
handle = Gtk.EventBox()
handle.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
handle.drag_source_add_uri_targets()
uris = [GLib.filename_to_uri(path, None) for path in paths]
handle.connect("drag-data-get", lambda _widget, _context, data, _info, _time: data.set_uris(uris))
window.add(handle)
window.connect("map-event", lambda *_: print("ready", flush=True))
window.show_all()
Gtk.main()
