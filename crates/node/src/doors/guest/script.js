// Two things that a page cannot do without a script: take the secret out of the link, and tell how far a file is.
"use strict";

const show = (element) => element && element.removeAttribute("hidden");
const hide = (element) => element && element.setAttribute("hidden", "");

// The secret stands after the #, which no browser sends. It goes once to where it came from, and out of the address
// bar and the history.
async function open() {
  const token = location.hash.slice(1);
  const door = document.querySelector("[data-door]");
  if (!door || !token) return;
  history.replaceState(null, "", location.pathname);
  const wait = document.querySelector("[data-wait]");
  hide(door);
  show(wait);
  let opened = false;
  try {
    const headers = { "content-type": "application/json" };
    const answer = await fetch("/g/open", { method: "POST", headers, body: JSON.stringify({ token }) });
    opened = answer.ok;
  } catch {
    // As good as a no.
  }
  if (opened) return location.replace("/g/");
  hide(wait);
  show(document.querySelector("[data-wrong]"));
  show(door);
}

function send(form) {
  const progress = form.querySelector("[data-progress]");
  const button = form.querySelector("button");
  const request = new XMLHttpRequest();
  const done = (words) => {
    button.disabled = false;
    progress.textContent = words;
  };
  const percent = (share) => `${form.dataset.sending} ${Math.floor(share * 100)} %`;
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) progress.textContent = percent(event.loaded / event.total);
  };
  request.onload = () => {
    if (request.responseURL !== form.action) return location.assign(request.responseURL);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.body.replaceWith(document.adoptNode(page.body));
    document.querySelector("[role=alert], [role=status]")?.scrollIntoView({ block: "nearest" });
  };
  request.onerror = () => done(form.dataset.failed);
  request.open("POST", form.action);
  request.send(new FormData(form));
  button.disabled = true;
  progress.textContent = percent(0);
  show(progress);
}

document.addEventListener("submit", (event) => {
  if (event.target.enctype !== "multipart/form-data") return;
  event.preventDefault();
  send(event.target);
});

addEventListener("hashchange", open);
open();
