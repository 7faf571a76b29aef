// Text areas for code (ui.editor): numbers beside the lines, a mark on the line that the error names, Enter keeps the
// indentation, Tab and Shift+Tab change it. Escape gives Tab back, so that nobody is kept inside (WCAG 2.1.2).
// Without script each is a text area like any other.
(() => {
  "use strict";
  const STEP = "  ";
  const DRAWN_PAST = 2; // lines below the last one in sight, for a scroll that is under way

  // As typed, so that the browser's own undo takes it back.
  function write(area, from, to, text) {
    area.setSelectionRange(from, to);
    if (from === to && !text) return;
    if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
    area.setRangeText(text, from, to, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  const lineStart = (text, at) => text.lastIndexOf("\n", at - 1) + 1;

  function breakLine(area) {
    const { value, selectionStart: at, selectionEnd } = area;
    const indent = /^[ \t]*/.exec(value.slice(lineStart(value, at), at))[0];
    if (indent) write(area, at, selectionEnd, `\n${indent}`);
    return Boolean(indent);
  }

  // The lines of the selection; one that it only touches with its end stays as it is.
  function shift(area, change) {
    const { value, selectionStart, selectionEnd } = area;
    const from = lineStart(value, selectionStart);
    const last = selectionEnd > selectionStart && value[selectionEnd - 1] === "\n" ? selectionEnd - 1 : selectionEnd;
    const end = value.indexOf("\n", last);
    const to = end < 0 ? value.length : end;
    const before = value.slice(from, to).split("\n");
    const after = before.map(change);
    const text = after.join("\n");
    const grown = text.length - (to - from);
    if (!grown) return;
    write(area, from, to, text);
    const start = Math.max(from, selectionStart + after[0].length - before[0].length);
    area.setSelectionRange(start, Math.max(start, selectionEnd + grown));
  }

  function indent(area) {
    const { selectionStart, selectionEnd } = area;
    if (selectionStart === selectionEnd) write(area, selectionStart, selectionEnd, STEP);
    else shift(area, (line) => (line ? STEP + line : line));
  }

  const unindent = (area) => shift(area, (line) => line.replace(/^(\t| {1,2})/, ""));

  function furnish(editor) {
    const area = editor.querySelector("textarea");
    const keys = document.getElementById(`${area.id}-keys`);
    const lines = Object.assign(document.createElement("div"), { className: "lines" });
    const numbers = Object.assign(document.createElement("div"), { className: "numbers" });
    const marked = Object.assign(document.createElement("div"), { className: "marked", hidden: true });
    lines.setAttribute("aria-hidden", "true");
    lines.append(marked, numbers);
    editor.prepend(lines);
    editor.classList.add("numbered");
    keys.hidden = false;
    area.setAttribute("aria-describedby", [area.getAttribute("aria-describedby"), keys.id].filter(Boolean).join(" "));
    const height = Number.parseFloat(getComputedStyle(area).lineHeight);
    let count = 1;
    let leaving = false;

    // Only the numbers in sight are drawn: a text may have tens of thousands of lines.
    function draw() {
      const first = Math.floor(area.scrollTop / height);
      const last = Math.min(count, first + Math.ceil(area.clientHeight / height) + DRAWN_PAST);
      numbers.textContent = Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place + 1).join("\n");
      numbers.style.transform = `translateY(${first * height - area.scrollTop}px)`;
      marked.style.transform = `translateY(${(Number(marked.dataset.line) - 1) * height - area.scrollTop}px)`;
    }

    function measure() {
      count = area.value.split("\n").length;
      editor.style.setProperty("--gutter", `calc(${Math.max(2, String(count).length)}ch + 1.125rem)`);
      draw();
    }

    function mark() {
      const error = document.getElementById(`${area.id}-error`);
      marked.dataset.line = error?.dataset.line ?? "";
      marked.hidden = !marked.dataset.line;
      if (error) area.setAttribute("aria-invalid", "true");
      else area.removeAttribute("aria-invalid");
      draw();
    }

    area.addEventListener("keydown", (event) => {
      const { key } = event;
      if (key === "Shift") return;
      if (key === "Escape") {
        leaving = true;
        return;
      }
      const plain = !(event.ctrlKey || event.altKey || event.metaKey || event.isComposing || area.readOnly);
      if (plain && key === "Tab" && !leaving) {
        (event.shiftKey ? unindent : indent)(area);
        event.preventDefault();
      } else if (plain && key === "Enter" && !event.shiftKey && breakLine(area)) {
        event.preventDefault();
      }
      leaving = false;
    });
    area.addEventListener("blur", () => {
      leaving = false;
    });
    area.addEventListener("input", measure);
    area.addEventListener("scroll", draw, { passive: true });
    new ResizeObserver(draw).observe(area);
    window.addEventListener("pageshow", measure);
    document.addEventListener("htmx:after:swap", mark);
    measure();
    mark();
  }

  for (const editor of document.querySelectorAll(".editor")) furnish(editor);
})();
