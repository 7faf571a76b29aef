// A launch under way: its seconds and its bar count on between two looks, and whoever wants it is told by the
// browser, without a sound, when it is ready or has failed. Without script the page tells the same when reloaded.
(() => {
  "use strict";
  const said = document.querySelector('meta[name="server-time"]');
  const offset = said ? Date.parse(said.content) - Date.now() : 0;
  const since = (moment) => Math.max(0, (Date.now() + offset - Date.parse(moment)) / 1000);

  const translated = JSON.parse(document.querySelector('meta[name="words"]')?.content ?? "{}");
  const say = (text) => translated[text] ?? text;

  function words(seconds) {
    const whole = Math.max(1, Math.round(seconds));
    if (whole < 100) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }

  function count() {
    for (const element of document.querySelectorAll("time[data-elapsed]")) {
      const text = words(since(element.dateTime));
      if (element.textContent !== text) element.textContent = text;
    }
    for (const bar of document.querySelectorAll("progress[data-since]")) {
      const { low, high, seconds } = bar.dataset;
      const part = Math.min(1, since(bar.dataset.since) / Number(seconds));
      bar.value = Number(low) + (Number(high) - Number(low)) * part;
    }
  }

  // Asked for once by a click, and remembered in this browser for all launches that it watches.
  const REMEMBERED = "portal.tell";
  const able = "Notification" in window;
  const wanted = () => able && Notification.permission === "granted" && localStorage.getItem(REMEMBERED) === "yes";

  function offer() {
    for (const button of document.querySelectorAll("[data-tell]")) {
      button.hidden = !able || Notification.permission === "denied";
      button.setAttribute("aria-pressed", String(wanted()));
      const text = say(wanted() ? "You will be told when it is ready" : "Tell me when it is ready");
      const place = button.querySelector("span");
      if (place.textContent !== text) place.textContent = text;
    }
  }

  async function choose() {
    if (wanted()) localStorage.removeItem(REMEMBERED);
    else if ((await Notification.requestPermission()) === "granted") localStorage.setItem(REMEMBERED, "yes");
    offer();
  }

  let outcome;
  function tell() {
    const news = document.getElementById("news");
    const before = outcome;
    outcome = news?.dataset.outcome;
    if (before !== "working" || outcome === "working" || !outcome || !wanted()) return;
    const note = new Notification(news.dataset.title, { body: news.dataset.body, silent: true, tag: news.dataset.vm });
    note.addEventListener("click", () => {
      window.focus();
      note.close();
    });
  }

  function look() {
    count();
    offer();
    tell();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-tell]")) choose();
  });
  document.addEventListener("htmx:after:swap", look);
  document.addEventListener("DOMContentLoaded", look);
  setInterval(count, 500);
})();
