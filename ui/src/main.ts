import { mount } from "svelte";
import App from "./App.svelte";
import "./look/tokens.css";
import "./look/base.css";
import { openPlatform } from "./platform";
import { start } from "./state/app.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");

start(await openPlatform());
mount(App, { target });
