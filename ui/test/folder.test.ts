import { expect, test } from "vitest";
import type { Entry, Listing } from "../src/api";
import { FolderView } from "../src/state/folder.svelte";

const entry = (name: string): Entry => ({ name, kind: "file", size: 1, modified: 0, etag: null });

/** A folder that tells its content page by page, when the test says so. */
class Pages {
  asked: { path: string; after: string | null; tell: (listing: Listing) => void; fail: (error: unknown) => void }[] = [];
  page = (_: string, path: string, after: string | null) =>
    new Promise<Listing>((tell, fail) => void this.asked.push({ path, after, tell, fail }));

  async tell(names: string[], next: string | null) {
    const { path, tell } = this.asked.shift()!;
    tell({ path, entries: names.map(entry), next });
    await new Promise((done) => setTimeout(done, 0));
  }
}

test("the first rows are there at once and the rest is put in order as it comes", async () => {
  const pages = new Pages();
  const view = new FolderView(pages.page);
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
  const view = new FolderView(pages.page);
  void view.open("d", "first");
  void view.open("d", "second");
  await pages.tell(["old"], null);
  expect(view.entries).toEqual([]);
  await pages.tell(["new"], null);
  expect(view.entries.map(({ name }) => name)).toEqual(["new"]);
});

test("loading again keeps what is shown until all of it is there", async () => {
  const pages = new Pages();
  const view = new FolderView(pages.page);
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
  const view = new FolderView(pages.page);
  const loaded = view.open("d", "");
  await pages.tell(["a"], "1");
  pages.asked.shift()!.fail({ code: "peer_unreachable", detail: "away" });
  await loaded;
  expect(view.entries.length).toBe(1);
  expect(view.error?.code).toBe("peer_unreachable");
});
