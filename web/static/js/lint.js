// Comfort for the form of a question: what the server says of it stands beside the fields while it is typed. Every word
// comes from the server, and all of it works without this file.
(() => {
  "use strict";
  const form = document.getElementById("item");
  const sum = document.getElementById("sum");
  const pause = 600, wait = 5000; // milliseconds after the last key, and after a check that did not arrive
  const blocks = () => [...form.querySelectorAll(".said")];
  const left = new Set(); // ids of the blocks whose field was touched; the others wait, so that nobody is told of what is still to come
  let timer, checking, sent;

  document.documentElement.classList.add("js");

  const text = () => new URLSearchParams(new FormData(form)).toString();
  const fieldOf = (block) => document.getElementById(block.id.slice(0, -"-said".length));

  // show puts what the server says into the page. Nothing else is touched, and the focus stays where it is.
  function show(page) {
    for (const block of blocks()) {
      const theirs = page.getElementById(block.id);
      if (theirs && block.textContent !== theirs.textContent) block.replaceChildren(...document.adoptNode(theirs).childNodes);
    }
    reveal();
    const panel = document.getElementById("checked");
    if (panel.children.length) panel.replaceChildren(...document.adoptNode(page.getElementById("checked")).childNodes);
    say(page.getElementById("sum").dataset.sum);
  }

  // reveal shows what is said of the fields that were touched.
  function reveal() {
    for (const block of blocks()) {
      block.hidden = !block.children.length || !left.has(block.id);
      const wrong = !block.hidden && block.querySelector(".error"), field = fieldOf(block);
      if (!wrong) field.removeAttribute("aria-invalid");
      else if (field.matches("input, select, textarea")) field.setAttribute("aria-invalid", "true");
    }
  }

  function say(words) {
    if (sum.textContent !== words) sum.textContent = words;
  }

  async function check() {
    const body = text();
    if (body === sent) return;
    if (checking) checking.abort();
    const mine = checking = new AbortController();
    try {
      const reply = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, signal: mine.signal,
        body: new URLSearchParams(body + "&do=check") });
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (checking !== mine) return;
      if (!reply.ok || !page.getElementById("sum")) throw new Error("no form of ours");
      sent = body;
      show(page);
    } catch {
      if (checking !== mine) return;
      say(sum.dataset.away);
      soon(wait);
    }
  }

  function soon(after) {
    clearTimeout(timer);
    timer = setTimeout(check, after);
  }

  // touch notes that a field was written or left, and with a choice all that is said of the choices.
  function touch(field) {
    const near = field.closest("fieldset");
    for (const id of [field.id, near && near.id]) if (id) left.add(id + "-said");
  }

  for (const event of ["input", "focusout"]) {
    form.addEventListener(event, ({ target }) => {
      if (!target.name || target.name === "do") return;
      touch(target);
      reveal();
      soon(pause);
    });
  }
  form.addEventListener("submit", () => { clearTimeout(timer); if (checking) checking.abort(); });

  if (document.querySelector("#checked > *") || form.elements.version.value !== "0") {
    for (const block of blocks()) left.add(block.id);
    soon(0);
  }
})();
