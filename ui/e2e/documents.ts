// Documents to print, written here so that every byte is known; and films to play.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A PDF with one line of text a page. */
export function pdf(...pages: string[]): Buffer {
  return drawn(...pages.map((text) => `BT /F1 24 Tf 72 720 Td (${text.replace(/[\\()]/g, "\\$&")}) Tj ET`));
}

/** The same with a large red square below the text. */
export function red(...pages: string[]): Buffer {
  return drawn(...pages.map((text) => `BT /F1 24 Tf 72 720 Td (${text}) Tj ET 1 0 0 rg 100 300 300 300 re f`));
}

/** A PDF whose pages are drawn by these operators (ISO 32000-1 §8, §9); F1 is Helvetica. */
function drawn(...pages: string[]): Buffer {
  const objects: string[] = [];
  const kids = pages.map((_, i) => `${4 + i * 2} 0 R`).join(" ");
  objects.push("<< /Type /Catalog /Pages 2 0 R >>");
  objects.push(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
  objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
  for (const [i, content] of pages.entries()) {
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${5 + i * 2} 0 R ` +
        "/Resources << /Font << /F1 3 0 R >> >> >>",
    );
    objects.push(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
  }
  let text = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const at = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = offsets.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}`;
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${text.lastIndexOf("xref")}\n%%EOF\n`;
  return Buffer.from(text, "latin1");
}

/**
 * A film of so many seconds at a path: moving bars, as WebM or as MP4 by its ending. Each frame stands for itself, so
 * that a jump lands where it was meant to.
 */
export async function film(path: string, seconds: number) {
  const codec = path.endsWith(".webm")
    ? ["-c:v", "libvpx", "-b:v", "900k", "-deadline", "realtime", "-cpu-used", "8", "-g", "10"]
    : ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10", "-movflags", "+faststart"];
  const picture = `testsrc2=size=160x90:rate=10:duration=${seconds}`;
  await run("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", picture, ...codec, path]);
}

/** A falling tone of so many seconds: 16 bits, 8 kHz, one channel (RIFF WAVE). */
export function tone(seconds: number): Buffer {
  const rate = 8000;
  const samples = rate * seconds;
  const file = Buffer.alloc(44 + samples * 2);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + samples * 2, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) file.writeInt16LE(Math.round(3000 * Math.sin(i / (4 + i / samples))), 44 + i * 2);
  return file;
}
