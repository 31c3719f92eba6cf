// Check questions: answers are checked here and remembered in this browser. Without this script the explanation still opens.
(() => {
  "use strict";
  const forms = [...document.querySelectorAll("form.quiz")];
  if (!forms.length) return;

  // A browser may refuse storage: then an answer lasts as long as the page.
  const memory = (method, ...values) => {
    try { return localStorage[method](...values); } catch { return null; }
  };
  const inputs = form => [...form.querySelectorAll("fieldset input")];
  const chosen = form => inputs(form).filter(input => input.checked).map(input => input.value).join("");

  const show = (form, state) => {  // "right", "wrong", "none", or "" for a question that is open
    form.dataset.state = state;
    form.querySelector("output").textContent = state && form.dataset[state];
    const right = forms.filter(other => other.dataset.state === "right").length;
    const score = forms[0].dataset.score.replace("{n}", right).replace("{m}", forms.length);
    if (total.textContent !== score) total.textContent = score;
  };
  const check = form => {
    const answer = chosen(form);
    if (answer) memory("setItem", form.id, answer);
    show(form, !answer ? "none" : answer === form.dataset.answer ? "right" : "wrong");
  };
  const forget = form => {
    memory("removeItem", form.id);
    show(form, "");
  };

  const page = document.createElement("div");
  page.className = "quiz-score";
  const total = page.appendChild(document.createElement("p"));
  total.setAttribute("aria-live", "polite");
  const reset = page.appendChild(document.createElement("button"));
  reset.type = "button";
  reset.textContent = forms[0].dataset.reset;
  reset.addEventListener("click", () => forms.forEach(form => { form.reset(); forget(form); }));
  const last = forms.at(-1);
  (last.closest("article") ?? last.parentElement).append(page);

  for (const form of forms) {
    form.querySelector("button").hidden = false;
    form.addEventListener("submit", event => { event.preventDefault(); check(form); });
    form.addEventListener("change", () => forget(form));
    const answer = memory("getItem", form.id) ?? "";
    inputs(form).forEach(input => { input.checked = answer.includes(input.value); });
    if (chosen(form)) check(form); else show(form, "");
  }
})();
