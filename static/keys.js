// Shortcuts of single keys: elements name theirs in data-key ("n", "g h"), "/" goes to the search, "?" opens the help.
// None while somebody types or a dialog is open, and none at all where they were turned off (WCAG 2.1.4).
(() => {
  "use strict";
  const OFF = "keys-off";
  const PATIENCE = 1500; // milliseconds between the two keys of "g h"
  let begun = -PATIENCE;

  const remember = {
    get off() {
      try { return localStorage.getItem(OFF) === "1"; } catch { return false; }
    },
    set off(value) {
      try { localStorage.setItem(OFF, value ? "1" : "0"); } catch { /* a browser that keeps nothing */ }
    },
  };

  const isTyping = (element) =>
    element.isContentEditable ||
    element.closest("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=file])");

  function search() {
    const boxes = [...document.querySelectorAll("main input[type=search], .rail-search input")];
    const box = boxes.find((each) => each.checkVisibility()) ?? boxes[0];
    if (!box) {
      const list = document.querySelector('[data-key="g v"]');
      if (list) location.assign(`${list.href}#search`);
      return Boolean(list);
    }
    if (!box.checkVisibility()) box.closest("[popover]")?.showPopover();
    box.focus();
    box.select();
    return true;
  }

  function help() {
    const dialog = document.getElementById("shortcuts");
    if (!dialog) return false;
    document.getElementById("shortcuts-on").checked = !remember.off;
    dialog.showModal();
    return true;
  }

  function follow(key, sequel) {
    const wanted = sequel ? `g ${key}` : key;
    const target = document.querySelector(`[data-key="${CSS.escape(wanted)}"]`);
    target?.click();
    return Boolean(target);
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (remember.off || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const sequel = event.timeStamp - begun < PATIENCE;
    begun = event.key === "g" ? event.timeStamp : -PATIENCE;
    const acts = { "/": search, "?": help };
    const done = !sequel && event.key in acts ? acts[event.key]() : follow(event.key, sequel);
    if (done) event.preventDefault();
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (location.hash === "#search") search();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest('[data-opens="shortcuts"]')) return;
    event.target.closest("details.menu").open = false;
    help();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "shortcuts-on") remember.off = !event.target.checked;
  });
})();
