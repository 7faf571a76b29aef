// Small comforts on top of pages that work without them: copy buttons, ticking times, menus that close,
// a word when the portal can't be reached, and no polling in a tab nobody looks at.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  const ago = (seconds) => {
    if (seconds < 1) return "just now";
    if (seconds < 60) return `${Math.floor(seconds)} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} days ago`;
  };

  // The server's clock, not the person's, decides how long ago something was.
  const said = document.querySelector('meta[name="server-time"]');
  const offset = said ? Date.parse(said.content) - Date.now() : 0;

  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

  function times() {
    const now = Date.now() + offset;
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const words = ago(Math.max(0, (now - Date.parse(element.dateTime)) / 1000));
      if (element.textContent !== words) element.textContent = words;
    }
    for (const element of document.querySelectorAll("time[data-local], time[data-clock]")) {
      const words = ("clock" in element.dataset ? clock : local).format(new Date(element.dateTime));
      if (element.textContent !== words) element.textContent = words;
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
    announce("Copied.");
    setTimeout(() => {
      use.setAttribute("href", before);
      button.classList.remove("copied");
    }, 1600);
  }

  function announce(words) {
    const place = document.getElementById("announcer");
    if (place) place.textContent = words;
  }

  function offline(is) {
    const bar = document.getElementById("offline");
    if (bar) bar.hidden = !is;
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

  // A form that was sent says so, and is not sent twice by an impatient click.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
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
  });

  // A launch under way changes the tab's title, also while nobody looks.
  const watched = (ctx) => ctx.sourceElement?.querySelector?.("[data-outcome='working']");

  // A tab nobody looks at does not poll; filters that are empty don't stand in the address.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceEvent?.type === "every" && document.hidden && !watched(ctx)) event.preventDefault();
    if (ctx.request.method !== "GET" || !ctx.request.body) return;
    for (const [name, value] of [...ctx.request.body]) if (value === "") ctx.request.body.delete(name);
  });

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
  document.addEventListener("htmx:after:swap", times);

  document.addEventListener("DOMContentLoaded", times);
  setInterval(times, 1000);
})();
