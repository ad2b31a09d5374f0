// The page is complete without this script, which shows what a mark stands for, and one server among the others.
"use strict";
const rule = document.head.appendChild(document.createElement("style"));
const tip = document.getElementById("tip");
const buttons = [...document.querySelectorAll("nav button[data-s]")];
let chosen = null;

function show(server) {
  rule.textContent = server === null ? "" : `svg g[data-s]:not([data-s="${CSS.escape(server)}"]) { opacity: .12; }`;
}

function choose(server) {
  chosen = chosen === server ? null : server;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.s === chosen));
  show(chosen);
}

for (const button of buttons) {
  button.addEventListener("click", () => choose(button.dataset.s));
  button.addEventListener("pointerenter", () => show(button.dataset.s));
  button.addEventListener("pointerleave", () => show(chosen));
}

document.addEventListener("pointermove", event => {
  const mark = event.target.closest?.("[data-t]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.t;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18}px`;
});

const root = document.documentElement;
document.getElementById("theme").addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
});
if (location.hash === "#dark" || location.hash === "#light") root.dataset.theme = location.hash.slice(1);
root.dataset.ready = buttons.length;
