// Draws every icon file from the two SVG sources beside this script and writes them into this folder.
//
//   cd ui && npm run icons        (needs Chromium; CHROMIUM=/path/to/it where it is not found)
//
// The results are checked in, so nobody needs this who does not change the sign. Up to 48 pixels the small drawing
// is used, above it the full one. PNGs are 8-bit RGBA, as Tauri wants them; .ico and .icns hold PNGs.

import { readFile, writeFile, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { chromium } = createRequire(new URL("../ui/package.json", import.meta.url))("playwright-core");

const SMALL_UP_TO = 48;

/** The four-letter names of an .icns file's entries (PNG data), by pixel size. */
const ICNS_TYPES = [
  ["icp4", 16],
  ["icp5", 32],
  ["ic11", 32],
  ["ic12", 64],
  ["ic07", 128],
  ["ic13", 256],
  ["ic08", 256],
  ["ic14", 512],
  ["ic09", 512],
  ["ic10", 1024],
];

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const executablePath =
  process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const full = await readFile(file("icon.svg"), "utf8");
const small = await readFile(file("icon-small.svg"), "utf8");

const drawn = new Map();
async function png(size) {
  if (!drawn.has(size)) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(
      `<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${size <= SMALL_UP_TO ? small : full}`,
    );
    const bytes = await page.screenshot({ omitBackground: true });
    await page.close();
    if (bytes[24] !== 8 || bytes[25] !== 6) throw new Error(`${size} px: not 8-bit RGBA`);
    drawn.set(size, bytes);
  }
  return drawn.get(size);
}

/** A Windows icon: a directory of sizes, each a PNG. */
async function ico(sizes) {
  const images = await Promise.all(sizes.map(png));
  const head = Buffer.alloc(6 + 16 * sizes.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(sizes.length, 4);
  let offset = head.length;
  sizes.forEach((size, i) => {
    const at = 6 + 16 * i;
    head.writeUInt8(size % 256, at);
    head.writeUInt8(size % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(images[i].length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += images[i].length;
  });
  return Buffer.concat([head, ...images]);
}

/** A macOS icon: typed chunks, each a PNG. */
async function icns() {
  const chunks = [];
  for (const [type, size] of ICNS_TYPES) {
    const image = await png(size);
    const head = Buffer.alloc(8);
    head.write(type, 0, "ascii");
    head.writeUInt32BE(image.length + 8, 4);
    chunks.push(head, image);
  }
  const body = Buffer.concat(chunks);
  const head = Buffer.alloc(8);
  head.write("icns", 0, "ascii");
  head.writeUInt32BE(body.length + 8, 4);
  return Buffer.concat([head, body]);
}

await writeFile(file("32x32.png"), await png(32));
await writeFile(file("128x128.png"), await png(128));
await writeFile(file("128x128@2x.png"), await png(256));
await writeFile(file("icon.png"), await png(512));
await writeFile(file("tray.png"), await png(48));
await writeFile(file("icon.ico"), await ico([16, 24, 32, 48, 256]));
await writeFile(file("icon.icns"), await icns());
await mkdir(file("../ui/public"), { recursive: true });
await writeFile(file("../ui/public/icon.svg"), small);
await browser.close();
