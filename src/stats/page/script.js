"use strict";
(() => {
  const every = 5000, patience = 10000;
  const by = id => document.getElementById(id);
  let isPaused = false, isOld = false, newest = 0, timer;
  const tell = text => { if (by("told").textContent !== text) by("told").textContent = text; };
  // A page that was opened with a name and a password in its URL has them in all relative ones, which cannot be fetched so.
  const path = url => { const {pathname, search} = new URL(url, location.href); return pathname + search; };
  const parts = root => [...root.querySelectorAll("[data-row]")];
  const isHeld = node => {
    const chosen = getSelection();
    return node.contains(document.activeElement) || (!chosen.isCollapsed && chosen.containsNode(node, true));
  };
  // Values change in place, so that scrolling, focus and what is selected stay. Other rows: all tables are replaced.
  const put = (page, isOther) => {
    const fresh = page.getElementById("tables");
    if (!fresh) throw new Error("the answer is not this page");
    const old = by("tables"), before = parts(old), after = parts(fresh);
    const isSame = !isOther && before.length === after.length
      && before.every((row, at) => row.dataset.row === after[at].dataset.row && row.cells.length === after[at].cells.length);
    if (isSame) {
      before.forEach((row, at) => [...row.cells].forEach((cell, place) => {
        const next = after[at].cells[place];
        if (cell.outerHTML !== next.outerHTML && !isHeld(cell)) cell.replaceWith(next.cloneNode(true));
      }));
      old.querySelectorAll(".title").forEach((title, at) => {
        const next = fresh.querySelectorAll(".title")[at];
        if (title.outerHTML !== next.outerHTML && !isHeld(title)) title.replaceWith(next.cloneNode(true));
      });
    } else if (isOther || !isHeld(old)) {
      const scrolled = [...old.querySelectorAll(".wide")].map(box => box.scrollLeft);
      old.replaceWith(fresh);
      fresh.querySelectorAll(".wide").forEach((box, at) => { box.scrollLeft = scrolled[at] || 0; });
    }
    by("uptime").textContent = page.getElementById("uptime").textContent;
    by("fresh").textContent = "as of " + new Date().toLocaleTimeString();
  };
  const load = async (url, isOther, sent) => {
    const own = ++newest;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.origin + path(url), {cache: "no-store", signal: AbortSignal.timeout(patience), ...sent});
      const text = await answer.text();
      if (own !== newest) return;
      if (!answer.ok) throw new Error(text.slice(0, 300));
      put(new DOMParser().parseFromString(text, "text/html"), isOther);
      // What became of an action stays until the next one.
      if (sent || isOld) tell("");
      isOld = false;
    } catch (error) {
      if (own !== newest) return;
      isOld = !sent;
      tell((sent ? "" : "These numbers are old. ") + error.message);
    } finally {
      if (own === newest) plan();
    }
  };
  const plan = () => {
    clearTimeout(timer);
    if (!isPaused) timer = setTimeout(() => document.hidden ? plan() : load(location.href, false), every);
  };
  const go = url => { history.replaceState(null, "", path(url)); load(url, true); };
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-go]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.getAttribute("href") === "/stats") by("filter").elements.q.value = "";
    go(link.href);
  });
  const filter = () => {
    const url = new URL(location.href);
    url.searchParams.set("q", by("filter").elements.q.value);
    url.searchParams.delete("page");
    go(url.href);
  };
  let typing;
  by("filter").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 250); });
  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.id === "filter") { event.preventDefault(); filter(); }
    if (!form.classList.contains("act")) return;
    event.preventDefault();
    if (document.activeElement) document.activeElement.blur();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    // Not `form.action`: that is the button of this name.
    load(form.getAttribute("action"), false, {method: "POST", body});
  });
  by("pause").hidden = false;
  by("pause").addEventListener("click", () => {
    isPaused = !isPaused;
    by("pause").textContent = isPaused ? "Go on" : "Pause";
    if (isPaused) clearTimeout(timer); else load(location.href, false);
  });
  plan();
})();
