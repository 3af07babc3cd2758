// Comfort for the page /ask: every word and every field comes from the server, and all of it works without this file.
(() => {
  "use strict";
  const root = document.documentElement;
  const form = document.getElementById("ask");
  const byID = (id) => document.getElementById(id);
  const longestWait = 10 * 60 * 1000; // for an engine that is starting
  let asking = null; // what a question in flight needs to be stopped

  root.classList.add("js");

  const areas = () => [...form.querySelectorAll("textarea")];
  const snapshot = () => areas().map((a) => a.value);

  function count(area) {
    const out = form.querySelector(`output[for="${area.id}"]`);
    if (!out) return;
    const n = [...area.value.replace(/\r\n?/g, "\n").trim()].length, limit = Number(area.dataset.limit);
    out.value = n > limit / 2 ? `${n.toLocaleString("en")} of ${limit.toLocaleString("en")} characters` : "";
    out.classList.toggle("over", n > limit);
    if (area.id === "text") number();
  }

  // number prints every fifth line number beside the passage, where the lines are as the box wraps them.
  function number() {
    const text = byID("text"), gutter = byID("gutter"), mirror = document.createElement("div");
    const style = getComputedStyle(text);
    for (const name of ["font", "lineHeight", "padding", "overflowWrap", "letterSpacing"]) mirror.style[name] = style[name];
    Object.assign(mirror.style, { position: "absolute", visibility: "hidden", whiteSpace: "pre-wrap", boxSizing: "border-box", width: text.clientWidth + "px" });
    for (const line of text.value.split("\n")) mirror.append(Object.assign(document.createElement("div"), { textContent: line || " " }));
    text.parentNode.append(mirror);
    gutter.replaceChildren(...[...mirror.children].flatMap((line, i) => {
      if ((i + 1) % 5) return [];
      const mark = Object.assign(document.createElement("span"), { textContent: i + 1 });
      mark.style.top = line.offsetTop - text.scrollTop + "px";
      return [mark];
    }));
    mirror.remove();
  }

  // say shows one of the page's own notices, or what the server made, in the answer's place.
  function say(...nodes) {
    const panel = byID("answer");
    panel.replaceChildren(...nodes);
    if (panel.getBoundingClientRect().top > innerHeight * 0.7) panel.scrollIntoView({ block: "start" });
  }
  const words = (id) => byID(id).content.cloneNode(true);

  function showFifth(on) {
    byID("choice-4-row").hidden = !on;
    byID("add").hidden = on;
    form.elements.fifth.value = on ? "1" : "";
  }

  // take carries the state of the fields from a page of the server over to this one: messages always, texts if wanted.
  function take(page, texts) {
    for (const area of areas()) {
      const theirs = page.getElementById(area.id);
      if (texts) area.value = theirs.value;
      if (theirs.hasAttribute("aria-invalid")) area.setAttribute("aria-invalid", "true");
      else area.removeAttribute("aria-invalid");
      count(area);
    }
    for (const id of ["sample-note", "whole-hint", "choices-error", ...areas().map((a) => a.id + "-error")]) {
      byID(id).replaceWith(document.adoptNode(page.getElementById(id)));
    }
    showFifth(page.querySelector("[name=fifth]").value === "1" || form.elements["choice-4"].value !== "");
    form.querySelector(".whole").open = page.querySelector(".whole").open;
    byID("sample").href = page.getElementById("sample").getAttribute("href");
  }

  async function fetchPage(url, init) {
    const reply = await fetch(url, { ...init, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    if (!page.getElementById("answer")) throw new Error("no page of ours");
    return page;
  }

  const panelOf = (page) => [...document.adoptNode(page.getElementById("answer")).childNodes];

  function stop() {
    if (!asking) return;
    asking.abort.abort();
    clearInterval(asking.clock);
    clearTimeout(asking.again);
    asking = null;
    root.classList.remove("asking");
  }

  function cancel() {
    stop();
    say(words("words-cancelled"));
    byID("submit").focus();
  }

  // send asks once, and again by itself while the engine is starting.
  async function send(body, mine) {
    try {
      const page = await fetchPage(form.action, { method: "POST", body, signal: mine.abort.signal });
      if (asking !== mine) return;
      const again = page.querySelector("[data-again]");
      const arrived = panelOf(page);
      if (again && Date.now() - mine.begun < longestWait) {
        clearInterval(mine.clock);
        if (!byID("answer").querySelector("[data-again]")) say(...arrived);
        const seconds = Math.min(Math.max(Number(again.dataset.again), 1), 5);
        mine.again = setTimeout(() => send(body, mine), seconds * 1000);
        return;
      }
      stop();
      take(page, false);
      say(...arrived);
      const wrong = form.querySelector("[aria-invalid]");
      if (wrong) wrong.focus();
    } catch (cause) {
      if (asking !== mine) return;
      stop();
      say(words("words-offline"));
    }
  }

  function ask() {
    stop();
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "ask");
    const mine = { abort: new AbortController(), begun: Date.now() };
    asking = mine;
    root.classList.add("asking");
    say(words("words-wait"));
    const seconds = byID("answer").querySelector("[data-seconds]");
    mine.clock = setInterval(() => { seconds.textContent = Math.round((Date.now() - mine.begun) / 1000); }, 1000);
    send(body, mine);
  }

  // replace fills the form from a page of the server, and keeps what stood there for Undo.
  async function replace(url, init, focus) {
    const before = snapshot();
    try {
      const page = await fetchPage(url, init);
      stop();
      take(page, true);
      say(...panelOf(page));
      const wrong = form.querySelector("[aria-invalid]");
      (wrong || byID(focus)).focus();
      byID("undo").hidden = !before.some(Boolean);
      byID("undo").onclick = () => {
        areas().forEach((area, i) => { area.value = before[i]; count(area); });
        showFifth(byID("choice-4").value !== "");
        byID("undo").hidden = true;
        byID("text").focus();
      };
    } catch {
      say(words("words-offline"));
    }
  }

  // copy works over plain http too, where browsers offer no clipboard.
  async function copy(node) {
    if (navigator.clipboard) return navigator.clipboard.writeText(node.textContent);
    getSelection().selectAllChildren(node);
    document.execCommand("copy");
  }

  function split() {
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "split");
    return replace(form.action, { method: "POST", body }, "submit");
  }

  const whole = (text) => /^\s*\(?A[).:]\s.*\n(.*\n)*?\s*\(?B[).:]\s/m.test(text + "\n");

  form.addEventListener("submit", (event) => {
    const act = event.submitter ? event.submitter.value : "ask";
    if (act === "ask") { event.preventDefault(); ask(); }
    if (act === "split") { event.preventDefault(); split(); }
    if (act === "add") { event.preventDefault(); showFifth(true); byID("choice-4").focus(); }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
  });
  form.addEventListener("input", (event) => { count(event.target); });
  form.addEventListener("paste", (event) => {
    const text = (event.clipboardData || { getData: () => "" }).getData("text/plain").replace(/\r\n?/g, "\n");
    const area = event.target;
    if (area.id === "block") setTimeout(() => { if (whole(area.value)) split(); });
    if (area.id === "text") setTimeout(() => { byID("whole-hint").hidden = !whole(area.value); });
    const lines = text.split("\n").filter((line) => line.trim());
    if (area.name === "choice" && lines.length > 1 && lines.length <= 5 && snapshot().slice(-5).every((v) => !v)) {
      event.preventDefault();
      lines.forEach((line, i) => { byID("choice-" + i).value = line.trim(); });
      showFifth(lines.length === 5);
    }
  });
  byID("clear").addEventListener("click", (event) => { event.preventDefault(); replace(event.currentTarget.href, {}, "text"); });
  byID("sample").addEventListener("click", (event) => { event.preventDefault(); replace(event.currentTarget.href, {}, "submit"); });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("cancel" in button.dataset) cancel();
    if ("copy" in button.dataset) {
      copy(button.closest("details").querySelector("code")).then(() => { button.parentNode.querySelector("[data-copied]").hidden = false; });
    }
    const theme = button.dataset.themeButton;
    if (theme) {
      event.preventDefault();
      if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
      for (const b of document.querySelectorAll("[data-theme-button]")) b.setAttribute("aria-pressed", String(b === button));
      fetch("/settings", { method: "POST", redirect: "manual", body: new URLSearchParams({ theme, back: "/ask" }) }).catch(() => {});
    }
  });

  areas().forEach(count);
  byID("text").addEventListener("scroll", number);
  new ResizeObserver(number).observe(byID("text"));
})();
