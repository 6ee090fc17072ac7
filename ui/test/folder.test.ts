import { expect, test } from "vitest";
import type { Entry, Listing } from "../src/api";
import { FolderView } from "../src/state/folder.svelte";

const entry = (name: string): Entry => ({ name, kind: "file", size: 1, modified: 0, etag: null });

/** A folder that tells its content page by page, when the test says so. */
class Pages {
  asked: { path: string; after: string | null; tell: (listing: Listing) => void; fail: (error: unknown) => void }[] = [];
  /** When the folder itself was changed. */
  changed = 0;
  page = (_: string, path: string, after: string | null) =>
    new Promise<Listing>((tell, fail) => void this.asked.push({ path, after, tell, fail }));
  entry = async (): Promise<Entry> => {
    if (this.away) throw { code: "peer_unreachable", detail: "away" };
    return { ...entry("folder"), kind: "folder", modified: this.changed };
  };
  away = false;

  async tell(names: string[], next: string | null) {
    const { path, tell } = this.asked.shift()!;
    tell({ path, entries: names.map(entry), next });
    await new Promise((done) => setTimeout(done, 0));
  }
}

test("the first rows are there at once and the rest is put in order as it comes", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const loaded = view.open("d", "");
  await pages.tell(["b", "d"], "1");
  expect(view.entries.map(({ name }) => name)).toEqual(["b", "d"]);
  expect([view.loading, view.count, pages.asked[0]?.after]).toEqual([true, 2, "1"]);
  await pages.tell(["a", "c"], null);
  await loaded;
  expect(view.entries.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
  expect([view.loading, view.count]).toEqual([false, 4]);
});

test("what comes for a folder that was left is not shown in the next one", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  void view.open("d", "first");
  void view.open("d", "second");
  await pages.tell(["old"], null);
  expect(view.entries).toEqual([]);
  await pages.tell(["new"], null);
  expect(view.entries.map(({ name }) => name)).toEqual(["new"]);
});

test("loading again keeps what is shown until all of it is there", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const first = view.open("d", "");
  await pages.tell(["a", "b"], null);
  await first;
  const again = view.again("d", "");
  await pages.tell(["b"], "1");
  expect(view.entries.map(({ name }) => name), "nothing jumps meanwhile").toEqual(["a", "b"]);
  await pages.tell(["c"], null);
  await again;
  expect(view.entries.map(({ name }) => name)).toEqual(["b", "c"]);
});

test("a failure in the middle leaves what is there, and says so", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const loaded = view.open("d", "");
  await pages.tell(["a"], "1");
  pages.asked.shift()!.fail({ code: "peer_unreachable", detail: "away" });
  await loaded;
  expect(view.entries.length).toBe(1);
  expect(view.error?.code).toBe("peer_unreachable");
});

const settled = () => new Promise((done) => setTimeout(done, 0));

test("a look that nobody asked for changes only what is otherwise, without a word", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const first = view.open("d", "");
  await pages.tell(["a", "b"], null);
  await first;
  const shown = view.entries;
  const look = view.refresh("d", "");
  await settled();
  expect(view.loading).toBe(false);
  await pages.tell(["b", "a"], null);
  await look;
  expect(view.entries, "the very same").toBe(shown);
  const next = view.refresh("d", "");
  await settled();
  await pages.tell(["a", "b", "c"], null);
  await next;
  expect(view.entries.map(({ name }) => name)).toEqual(["a", "b", "c"]);
});

test("who falls asleep is said, without a question that would wake it, and goes on by itself", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const first = view.open("d", "");
  await pages.tell(["a"], null);
  await first;
  pages.away = true;
  await view.refresh("d", "");
  expect([view.error?.code, view.entries.length, pages.asked.length]).toEqual(["peer_unreachable", 1, 0]);
  pages.away = false;
  const back = view.refresh("d", "");
  await settled();
  await pages.tell(["a"], null);
  await back;
  expect(view.error).toBe(null);
});

test("a failure that passes is not told of a look that nobody asked for", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const first = view.open("d", "");
  await pages.tell(["a"], null);
  await first;
  const look = view.refresh("d", "");
  await settled();
  pages.asked.shift()!.fail({ code: "busy", detail: "many" });
  await look;
  expect(view.error).toBe(null);
});

test("a long folder is listed again only when it says that it changed", async () => {
  const pages = new Pages();
  const view = new FolderView(pages);
  const names = Array.from({ length: 2_001 }, (_, i) => `file ${i}`);
  const first = view.open("d", "");
  await pages.tell(names.slice(0, 1_000), "1000");
  await pages.tell(names.slice(1_000), null);
  await first;
  await view.refresh("d", "");
  expect(pages.asked.length, "nothing came or went").toBe(0);
  pages.changed = 1;
  const next = view.refresh("d", "");
  await settled();
  await pages.tell(names.slice(1), null);
  await next;
  expect(view.count).toBe(2_000);
});
