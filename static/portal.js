// Small comforts on top of pages that work without them: copy buttons, ticking times, menus that close, changes
// said aloud, a word when the portal can't be reached, and no polling in a tab nobody looks at.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  // What the script says, in the language of the page; English where the page brings nothing else.
  const words = JSON.parse(document.querySelector('meta[name="words"]')?.content ?? "{}");
  const say = (text, num) => (words[text] ?? text).replace("%(num)s", num);

  const ago = (seconds) => {
    if (seconds < 1) return say("just now");
    if (seconds < 60) return say("%(num)s s ago", Math.floor(seconds));
    if (seconds < 3600) return say("%(num)s min ago", Math.floor(seconds / 60));
    if (seconds < 172800) return say("%(num)s h ago", Math.floor(seconds / 3600));
    if (seconds < 5184000) return say("%(num)s days ago", Math.floor(seconds / 86400));
    if (seconds < 63072000) return say("%(num)s months ago", Math.floor(seconds / 2628000));
    return say("%(num)s years ago", Math.floor(seconds / 31536000));
  };

  // The server's clock, not the person's, decides how long ago something was.
  const said = document.querySelector('meta[name="server-time"]');
  const offset = said ? Date.parse(said.content) - Date.now() : 0;

  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

  function times() {
    const now = Date.now() + offset;
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const text = ago(Math.max(0, (now - Date.parse(element.dateTime)) / 1000));
      if (element.textContent !== text) element.textContent = text;
    }
    for (const element of document.querySelectorAll("time[data-local], time[data-clock]")) {
      const text = ("clock" in element.dataset ? clock : local).format(new Date(element.dateTime));
      if (element.textContent !== text) element.textContent = text;
    }
    // Pointed at, each tells its moment in the reader's zone, by that zone's name, and in UTC.
    for (const element of document.querySelectorAll("time[title]:not([title*='·'])")) {
      element.title = `${whole.format(new Date(element.dateTime))} · ${element.title}`;
    }
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: button.dataset.copy });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const use = button.querySelector("use");
    const before = use.getAttribute("href");
    use.setAttribute("href", before.replace(/#.*/, "#check"));
    button.classList.add("copied");
    announce(say("Copied."));
    setTimeout(() => {
      use.setAttribute("href", before);
      button.classList.remove("copied");
    }, 1600);
  }

  // One live region speaks for the whole page; emptied first, so that the same words are heard again.
  let waiting = [];
  function announce(words) {
    waiting.push(words);
    if (waiting.length > 1) return;
    const place = document.getElementById("announcer");
    place.textContent = "";
    setTimeout(() => {
      place.textContent = waiting.join(" ");
      waiting = [];
    }, 100);
  }

  // What a swap changed is heard where an element says so in data-say, and notices always;
  // data-title is what the tab is called from then on.
  const heard = new Map();
  function hear(aloud) {
    for (const element of document.querySelectorAll("[id][data-say]:not([hidden])")) {
      const words = element.dataset.say;
      if (aloud && words && heard.get(element.id) !== words) announce(words);
      heard.set(element.id, words);
    }
    for (const notice of document.querySelectorAll("#notices > .notice:not([data-heard])")) {
      notice.dataset.heard = "";
      announce(notice.textContent.replace(/\s+/g, " ").trim());
    }
    const title = document.querySelector("[data-title]")?.dataset.title;
    if (title && document.title !== title) document.title = title;
  }

  function offline(is) {
    const bar = document.getElementById("offline");
    if (!bar || bar.hidden === !is) return;
    bar.hidden = !is;
    announce(is ? bar.dataset.say : say("The portal is back."));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    if (event.target.closest("[data-dismiss]")) event.target.closest(".notice").remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // One box ticks all of its form that bear a name; how many are ticked stands where they are spoken of.
  document.addEventListener("change", (event) => {
    const { check } = event.target.dataset;
    if (check) for (const box of event.target.form.querySelectorAll(`[name="${check}"]`)) box.checked = event.target.checked;
    ticked();
  });
  function ticked() {
    for (const words of document.querySelectorAll("[data-ticked]")) {
      const num = words.closest("form").querySelectorAll(`[name="${words.dataset.ticked}"]:checked`).length;
      words.textContent = num ? say("With %(num)s ticked:", num) : say("With those ticked:");
    }
  }

  // A form that was sent says so, and is not sent twice by an impatient click.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post") || "download" in form.dataset) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
    ticked();
  });

  // A launch under way changes the tab's title, also while nobody looks.
  const watched = (ctx) => ctx.sourceElement?.querySelector?.("[data-outcome='working']");

  // What a panel said last, so that an unchanged one isn't sent again; and of a changed one its parts that stay.
  const tags = new WeakMap();
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    const { headers } = ctx.request;
    const tag = tags.get(ctx.sourceElement);
    if (tag) headers["If-None-Match"] = tag;
    const parts = [...(ctx.sourceElement?.querySelectorAll?.("[data-part]") ?? [])];
    if (parts.length) headers["X-Held"] = parts.map((part) => `${part.id}=${part.dataset.part}`).join(" ");
  });
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    const panel = ctx.target?.id && document.getElementById(ctx.target.id);
    const tag = ctx.response?.headers.get("ETag");
    if (panel && tag) tags.set(panel, tag);
    else if (panel) tags.delete(panel);
  });

  // A tab nobody looks at does not poll; filters that are empty don't stand in the address. What a form was
  // about to save by itself doesn't come after the form that was sent: it would undo what that did.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement?.closest("form[data-sent]")) event.preventDefault();
    if (ctx.sourceEvent?.type === "every" && document.hidden && !watched(ctx)) event.preventDefault();
    if (ctx.request.method !== "GET" || !ctx.request.body) return;
    for (const [name, value] of [...ctx.request.body]) if (value === "") ctx.request.body.delete(name);
  });

  // Whoever had the focus keeps it, and goes to the content where the swap took its element away.
  let focused = null;
  document.addEventListener("htmx:before:swap", () => {
    focused = document.activeElement === document.body ? null : document.activeElement;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const { sourceElement, sourceEvent, target } = event.detail.ctx;
    times();
    // That notices were read by looking is no news, and must not drown what they tell of.
    hear(sourceEvent?.type !== "notices-read");
    ends();
    ticked();
    judge();
    if (sourceElement?.matches?.(".filters")) count(target);
    if (!focused || focused.isConnected) return;
    const again = focused.id && document.getElementById(focused.id);
    (again || document.getElementById("main")).focus({ preventScroll: true });
  });

  // A form that keeps itself a moment after the last letter keeps that one too when somebody leaves at once.
  let typed = null;
  document.addEventListener("input", (event) => {
    const place = event.target.closest("form[method='post'] [hx-post]");
    if (place) typed = { place, at: Date.now() };
  });
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => (ctx.began = Date.now()));
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement === typed?.place && ctx.began >= typed.at) typed = null;
  });
  window.addEventListener("pagehide", () => {
    const form = typed?.place.closest("form");
    if (!form || form.dataset.sent) return;
    const answers = new FormData(form);
    answers.set("_do", "same");
    navigator.sendBeacon(typed.place.getAttribute("hx-post"), answers);
  });

  // A field is wrong as long as its check says so; the notice goes when nothing that it tells of is wrong any more.
  function judge() {
    for (const check of document.querySelectorAll("[id$='-check']")) {
      const field = document.getElementById(check.id.slice(0, -"-check".length));
      if (check.querySelector(".error")) field?.setAttribute("aria-invalid", "true");
      else field?.removeAttribute("aria-invalid");
    }
    const told = [...document.querySelectorAll("#notices [data-mistakes] a")];
    const mended = ({ hash }) => !document.getElementById(hash.slice(1))?.hasAttribute("aria-invalid");
    if (told.length && told.every(mended)) told[0].closest(".notice").remove();
  }

  function count(results) {
    const rows = results?.querySelectorAll?.("tbody > tr").length;
    announce(rows ? say("%(num)s shown.", rows) : say("Nothing matches."));
  }

  // An error page of something between us and the portal must not land inside a panel.
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    if (ctx.response?.status >= 400 && !ctx.hx?.retarget) {
      event.preventDefault();
      offline(true);
    }
  });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status < 500) offline(false);
  });
  document.addEventListener("htmx:error", () => offline(true));

  // What is followed shows its end, and stays where it is for who scrolled up to read.
  const read = new WeakSet();
  function ends() {
    for (const box of document.querySelectorAll("[data-ends]")) if (!read.has(box)) box.scrollTop = box.scrollHeight;
  }
  document.addEventListener("scroll", ({ target: box }) => {
    if (!box.dataset || !("ends" in box.dataset)) return;
    if (box.scrollTop + box.clientHeight < box.scrollHeight - 4) read.add(box);
    else read.delete(box);
  }, true);

  // A link to a field leads into it, also where it is folded away.
  function arrive() {
    const target = document.querySelector(":target");
    const fold = target?.closest("details");
    if (fold) fold.open = true;
    if (target?.matches("input, select, textarea")) target.focus();
  }

  document.addEventListener("DOMContentLoaded", () => {
    htmx.registerExtension("parts", {
      htmx_before_morph_node: (_, { newNode }) => !newNode.hasAttribute?.("data-stays"),
    });
    times();
    ends();
    hear(false);
    arrive();
  });
  window.addEventListener("hashchange", arrive);
  setInterval(times, 1000);
})();
