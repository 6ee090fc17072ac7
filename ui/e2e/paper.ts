// Pictures of paper for a node that is played: real PNGs, drawn here pixel by pixel.

import { crc32, deflateSync } from "node:zlib";
import type { Preview, Request } from "../src/api";

type Wanted = Extract<Request, { do: "preview" }>;
type Pixel = readonly [number, number, number];

/** What a printer would put on a side of a document of so many pages: text, a picture, its number as bars. */
export function preview(wanted: Wanted, document: { pages: number; printsColor: boolean }): Preview {
  const { options } = wanted;
  const up = options.booklet ? 2 : (options.number_up ?? 1);
  const pages = options.pages === null ? document.pages : count(options.pages, document.pages);
  const sides = options.booklet ? Math.ceil(pages / 4) * 2 : Math.ceil(pages / up);
  const lying = (up === 2) !== (options.orientation === "landscape");
  const long = Math.min(wanted.size, 700);
  const short = Math.round(long / (options.media === "na_letter_8.5x11in" ? 11 / 8.5 : Math.SQRT2));
  const [width, height] = lying ? [long, short] : [short, long];
  const gray = !document.printsColor || options.color === "monochrome";
  const side = Math.min(wanted.side, sides);
  return {
    sides,
    pages: document.pages,
    side,
    png: draw(width, height, side, up, gray).toString("base64"),
    width,
    height,
    differs: options.scaling === "fill" ? [{ what: "media_type" }, { what: "copies", most: 99 }] : [],
  };
}

/** A photo of hills under a sky, in Base64. */
export function picture(width: number, height: number): string {
  const raw = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const hill = 0.62 + 0.12 * Math.sin((x / width) * 7) + 0.05 * Math.sin((x / width) * 23);
      const pixel = y / height > hill ? [74, 124 - Math.round(40 * (y / height)), 66] : [120 + Math.round(90 * (y / height)), 170, 226];
      raw.set(pixel, y * (1 + width * 3) + 1 + x * 3);
    }
  }
  return png(width, height, raw).toString("base64");
}

function count(pages: string, most: number): number {
  return pages.split(",").reduce((sum, part) => {
    const [first = 1, last = first] = part.split("-").map(Number);
    return sum + Math.max(0, Math.min(last, most) - first + 1);
  }, 0);
}

function draw(width: number, height: number, side: number, up: number, gray: boolean): Buffer {
  const columns = up === 1 ? 1 : up === 2 ? 2 : Math.ceil(Math.sqrt(up));
  const rows = Math.ceil(up / columns);
  const at = (x: number, y: number): Pixel => {
    const cell = { width: width / columns, height: height / rows };
    const column = Math.floor(x / cell.width);
    const row = Math.floor(y / cell.height);
    return page((x % cell.width) / cell.width, (y % cell.height) / cell.height, (side - 1) * up + row * columns + column);
  };
  const raw = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [r, g, b] = at(x, y);
      const l = Math.round(0.3 * r + 0.59 * g + 0.11 * b);
      raw.set(gray ? [l, l, l] : [r, g, b], y * (1 + width * 3) + 1 + x * 3);
    }
  }
  return png(width, height, raw);
}

/** A page as seen from afar: a title, lines, a picture, and as many dots at its foot as its number says. */
function page(x: number, y: number, number: number): Pixel {
  const white: Pixel = [255, 255, 255];
  if (x < 0.1 || x > 0.9 || y < 0.07 || y > 0.95) return white;
  if (y < 0.1) return x < 0.55 ? [30, 34, 40] : white;
  if (y > 0.42 && y < 0.62 && number % 2 === 0) return [60 + 170 * x, 120 + 90 * y, 235 - 150 * x];
  if (y > 0.92) return x < 0.1 + 0.03 * (number + 1) && (x * 100) % 3 < 1.6 ? [30, 34, 40] : white;
  const line = Math.floor(y * 46);
  const length = 0.9 - ((line * 37 + number * 11) % 7) * 0.03 - (line % 6 === 0 ? 0.4 : 0);
  return line % 2 === 0 && x < length && (y * 46) % 1 < 0.55 && y > 0.14 && y < 0.88 ? [120, 124, 130] : white;
}

function png(width: number, height: number, raw: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = (kind: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(kind, "latin1"), data]);
    const framed = Buffer.alloc(named.length + 8);
    framed.writeUInt32BE(data.length, 0);
    named.copy(framed, 4);
    framed.writeUInt32BE(crc32(named), named.length + 4);
    return framed;
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(raw)), chunk("IEND", Buffer.alloc(0))]);
}
