"use strict";
// The table of all answers. Texts come from a model: they are shown through textContent only.
(() => {
  const PER_PAGE = 50;
  const PREVIEW = 220;
  const byId = (id) => document.getElementById(id);

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  async function read() {
    const holder = byId("data");
    const text = holder.textContent;
    if (holder.dataset.encoding !== "gzip") return JSON.parse(text);
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  function start(data) {
    const { rows, questions, texts, claims } = data;
    const total = rows.q.length;
    const lower = texts.map((text) => text.toLowerCase());
    const picks = {
      suite: byId("by-suite"), verdict: byId("by-verdict"),
      variant: byId("by-variant"), kind: byId("by-kind"),
    };
    const search = byId("by-text");
    let found = [];
    let page = 0;

    const offer = (select, names) => {
      select.append(new Option("all", ""));
      names.forEach((name, place) => select.append(new Option(name, String(place))));
    };
    offer(picks.suite, data.suites);
    offer(picks.verdict, data.verdicts);
    offer(picks.variant, data.variants);
    offer(picks.kind, data.kinds);
    if (rows.p) picks.kind.append(new Option("labelled by people", "people"));

    const filter = () => {
      const wanted = {};
      for (const [key, select] of Object.entries(picks)) {
        wanted[key] = select.value === "" ? null : Number(select.value);
      }
      const labelledOnly = picks.kind.value === "people";
      if (labelledOnly) wanted.kind = null;
      const words = search.value.trim().toLowerCase();
      found = [];
      for (let i = 0; i < total; i += 1) {
        const question = questions[rows.q[i]];
        if (wanted.suite !== null && question[1] !== wanted.suite) continue;
        if (wanted.verdict !== null && rows.d[i] !== wanted.verdict) continue;
        if (wanted.variant !== null && rows.v[i] !== wanted.variant) continue;
        if (wanted.kind !== null && rows.k[i] !== wanted.kind) continue;
        if (labelledOnly && rows.p[i] < 0) continue;
        if (words && !lower[rows.a[i]].includes(words) && !lower[question[2]].includes(words)) continue;
        found.push(i);
      }
      page = 0;
      show();
    };

    const labelled = (name, text, className) => {
      const line = element("p", className);
      line.append(element("span", "label", name), element("bdi", "text", text));
      return line;
    };

    const claimItem = ([text, status, reason, facts]) => {
      const item = element("li");
      const name = data.statuses[status];
      item.append(element("span", `pill ${name}`, name.replaceAll("_", " ")));
      item.append(element("bdi", "text", texts[text]));
      item.append(element("p", "reason", texts[reason]));
      if (facts.length) {
        const list = element("ul", "facts");
        const word = { supported: "Supported by: ", contradicted: "Against: " }[name] ?? "Fact: ";
        for (const fact of facts) {
          const line = element("li");
          line.append(element("span", "label", word), element("bdi", "text", texts[fact]));
          list.append(line);
        }
        item.append(list);
      }
      return item;
    };

    const personOf = (i) => (rows.p && rows.p[i] >= 0 ? data.people[rows.p[i]] : null);

    const details = (i) => {
      const question = questions[rows.q[i]];
      const box = element("div", "details");
      const put = `${data.suites[question[1]]}, variant ${data.variants[rows.v[i]]}`;
      box.append(labelled("Suite", put));
      box.append(labelled("Question", texts[question[2]]));
      box.append(labelled("Answer", texts[rows.a[i]] || "(empty)", "answer"));
      box.append(labelled(question[4] ? "Should be refused, as" : "Right answer", texts[question[3]]));
      const told = personOf(i);
      if (told) for (const line of told[1]) box.append(labelled("A person says", line));
      box.append(labelled("Why this verdict", texts[rows.r[i]] + (rows.c[i] ? " (gives the expected fact)" : "")));
      const cause = data.causes[rows.u[i]];
      if (cause) box.append(labelled("Cause", cause.replaceAll("_", " ")));
      if (rows.t[i]) box.append(labelled("Thinking", "taken off before it was graded"));
      if (rows.l[i].length) {
        box.append(element("p", "label", "Claims"));
        const list = element("ul", "claims");
        for (const claim of rows.l[i]) list.append(claimItem(claims[claim]));
        box.append(list);
      }
      return box;
    };

    const addRow = (body, i) => {
      const question = questions[rows.q[i]];
      const verdict = data.verdicts[rows.d[i]];
      const row = element("tr", "row");
      const button = element("button", "open", "+");
      button.type = "button";
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-label", "Show why");
      const first = element("td");
      first.append(button);
      const marked = element("td");
      marked.append(element("span", `pill ${verdict}`, verdict.replaceAll("_", " ")));
      const told = personOf(i);
      if (told) {
        const said = data.verdicts[told[0]];
        const differs = told[0] === rows.d[i] ? "" : " differs";
        marked.append(element("small", `person${differs}`, `person: ${said.replaceAll("_", " ")}`));
      }
      const why = data.causes[rows.u[i]];
      if (why) marked.append(element("small", "", why.replaceAll("_", " ")));
      const kind = data.kinds[rows.k[i]];
      marked.append(element("small", "", rows.k[i] === 0 ? `sample ${rows.s[i]}` : kind));
      const asked = element("td", "text");
      asked.append(element("bdi", "", texts[question[2]]), element("small", "", question[0]));
      const answer = texts[rows.a[i]];
      const said = element("td", "text");
      const short = answer.length > PREVIEW ? `${answer.slice(0, PREVIEW)} …` : answer;
      said.append(element("bdi", answer ? "" : "none", short || "(empty)"));
      row.append(first, marked, element("td", "", data.suites[question[1]]),
        element("td", "", data.variants[rows.v[i]]), asked, said);
      body.append(row);
      let opened = null;
      row.addEventListener("click", (event) => {
        if (event.target !== button && String(getSelection())) return;
        if (opened) {
          opened.remove();
          opened = null;
        } else {
          opened = element("tr", "opened");
          const cell = element("td");
          cell.colSpan = 6;
          cell.append(details(i));
          opened.append(cell);
          row.after(opened);
        }
        button.textContent = opened ? "–" : "+";
        button.setAttribute("aria-expanded", String(Boolean(opened)));
      });
    };

    const show = () => {
      const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
      page = Math.min(Math.max(page, 0), pages - 1);
      const body = byId("rows");
      body.replaceChildren();
      for (const i of found.slice(page * PER_PAGE, (page + 1) * PER_PAGE)) addRow(body, i);
      const counts = new Map();
      for (const i of found) counts.set(rows.d[i], (counts.get(rows.d[i]) ?? 0) + 1);
      const parts = data.verdicts.flatMap((name, place) =>
        counts.has(place) ? [`${counts.get(place).toLocaleString("en")} ${name.replaceAll("_", " ")}`] : []);
      byId("count").textContent =
        `${found.length.toLocaleString("en")} of ${total.toLocaleString("en")} answers` +
        (parts.length ? `: ${parts.join(", ")}` : "");
      byId("page").textContent = `page ${page + 1} of ${pages}`;
      byId("first").disabled = byId("back").disabled = page === 0;
      byId("next").disabled = byId("last").disabled = page === pages - 1;
    };

    const turn = (id, to) => byId(id).addEventListener("click", () => {
      page = to();
      show();
    });
    turn("first", () => 0);
    turn("back", () => page - 1);
    turn("next", () => page + 1);
    turn("last", () => Infinity);
    for (const select of Object.values(picks)) select.addEventListener("change", filter);
    let waiting = 0;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 150);
    });
    search.form.addEventListener("submit", (event) => event.preventDefault());
    const choose = (key, names) => {
      for (const link of document.querySelectorAll(`a[data-${key}]`)) {
        link.addEventListener("click", () => {
          for (const select of Object.values(picks)) select.value = "";
          search.value = "";
          picks[key].value = String(names.indexOf(link.dataset[key]));
          filter();
        });
      }
    };
    choose("suite", data.suites);
    choose("variant", data.variants);
    filter();
  }

  read().then(start).catch((error) => {
    byId("count").textContent = `The answers cannot be shown: ${error.message}`;
  });
})();
