// What a person does with a disc or drive: offer it, let go of it, keep an image of one that another computer has.

import type { ApiError, Drive, Medium } from "../api";
import { attempt } from "./actions";
import { ask } from "./app.svelte";
import { above } from "./dialogs.svelte";
import { copyAll } from "./files";
import { n, t } from "./say";

/** Offers all of it under its own name, to those to whom things are offered when nothing else is said. */
export const shareMedium = (medium: Medium) => {
  const whom = { name: medium.name, audience: [], until: null };
  return attempt(
    () =>
      medium.kind === "disc"
        ? ask({ do: "share_disc", source: medium.path, ...whom }, "share")
        : ask({ do: "share_folder", path: medium.path, write: false, ...whom }, "share"),
    t("media.share_failed", { name: medium.name }),
  );
};

/** Lets go of it; asks first when others read from it. */
export const eject = (medium: Medium) => attempt(() => letGo(medium), t("media.eject_failed", { name: medium.name }));

async function letGo(medium: Medium) {
  const go = async (force: boolean) => {
    await ask({ do: "eject", medium: medium.id, force }, "done");
    above.say(t("media.ejected", { name: medium.name }));
  };
  try {
    await go(false);
  } catch (thrown) {
    const error = thrown as ApiError;
    if (error.code !== "busy") throw thrown;
    above.open({
      what: "sure",
      sure: {
        title: t("media.eject_sure", { name: medium.name }),
        means: [n("media.in_use", await readers(medium)), t("media.eject_means")],
        does: t("media.eject_anyway"),
        act: () => go(true),
      },
    });
  }
}

/** How many devices read from it. */
async function readers(medium: Medium): Promise<number> {
  const now = await ask({ do: "media" }, "media");
  return Math.max(1, now.find(({ id }) => id === medium.id)?.readers ?? 1);
}

/** Copies a whole disc into an image in the downloads folder. */
export const saveImage = ({ id, name }: Drive) =>
  copyAll([
    {
      drive: id,
      name: `${name}.iso`,
      folder: false,
      where: "here",
      begin: (conflict) => ask({ do: "save_image", drive: id, dest: null, conflict }, "transfer"),
    },
  ]);

/** What was put in since. */
export function inserted(before: Medium[], now: Medium[]): Medium[] {
  return now.filter((medium) => medium.share === null && !before.some((other) => other.id === medium.id));
}
