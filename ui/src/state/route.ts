// Addresses of places: `#/nearby`, `#/drive/<id>/<path>`.

export const PLACES = ["nearby", "sharing", "activity", "home", "settings", "help", "more"] as const;
export type Place = (typeof PLACES)[number];

export type Route = { place: Place } | { place: "drive"; drive: string; path: string };

export function parseRoute(hash: string): Route {
  const [place = "", ...rest] = hash.replace(/^#\/?/, "").split("/");
  if (place === "drive" && rest[0]) {
    const [drive, ...path] = rest.map(decode);
    return { place: "drive", drive: drive ?? "", path: path.filter((part) => part !== "").join("/") };
  }
  return { place: PLACES.find((known) => known === place) ?? "nearby" };
}

export function placeHash(place: Place): string {
  return `#/${place}`;
}

export function driveHash(drive: string, path = ""): string {
  const parts = path.split("/").filter((part) => part !== "");
  return ["#/drive", drive, ...parts].map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join("/");
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
