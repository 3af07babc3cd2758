// Comfort for the page /arena: one key presses one button. All of it works without this file.
(() => {
  "use strict";
  document.documentElement.classList.add("js");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("textarea")) return;
    const button = document.querySelector(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (button) button.click();
  });
})();
