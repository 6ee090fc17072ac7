// The drawing for each kind of thing in a folder.

import AppWindow from "@lucide/svelte/icons/app-window";
import File from "@lucide/svelte/icons/file";
import FileText from "@lucide/svelte/icons/file-text";
import Film from "@lucide/svelte/icons/film";
import Folder from "@lucide/svelte/icons/folder";
import Image from "@lucide/svelte/icons/image";
import Link from "@lucide/svelte/icons/link";
import Music from "@lucide/svelte/icons/music";
import type { Kind } from "../../state/entries";

export const ICONS = {
  folder: Folder,
  picture: Image,
  document: FileText,
  text: FileText,
  sound: Music,
  film: Film,
  program: AppWindow,
  file: File,
  other: Link,
} satisfies Record<Kind, unknown>;
