"""A window on which files can be let go, as on a file manager's: drag-target.py X Y

It stands at X, Y of the screen, is 80 pixels wide and high, says "ready" once it is shown, and then a line of JSON for
what was let go: the addresses, and what the other side allows to be done with them.
"""

import json
import sys

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

x, y = sys.argv[1:]
window = Gtk.Window(type=Gtk.WindowType.POPUP)
window.set_default_size(80, 80)
window.move(int(x), int(y))
place = Gtk.EventBox()
place.drag_dest_set(Gtk.DestDefaults.ALL, [], Gdk.DragAction.COPY | Gdk.DragAction.MOVE)
place.drag_dest_add_uri_targets()


def dropped(_widget, context, _x, _y, data, _info, _time):
    names = {Gdk.DragAction.COPY: "copy", Gdk.DragAction.MOVE: "move", Gdk.DragAction.LINK: "link"}
    actions = [name for action, name in names.items() if context.get_actions() & action]
    print(json.dumps({"uris": data.get_uris(), "actions": actions}), flush=True)


place.connect("drag-data-received", dropped)
window.add(place)
window.connect("map-event", lambda *_: print("ready", flush=True))
window.show_all()
Gtk.main()
