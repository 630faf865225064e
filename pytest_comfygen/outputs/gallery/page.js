"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const { items, outcomes, tags } = JSON.parse($("data").textContent);
  const grid = $("grid"), search = $("search"), tag = $("tag"), viewer = $("viewer"), stage = $("stage"), facts = $("facts");
  const kinds = {
    generated: "good", restored: "good", current: "", identical: "", adopted: "other", picked: "good", unpicked: "other", pruned: "other", planned: "", skipped: "", "not run": "",
    failed: "bad", missing: "bad", stale: "warn", edited: "warn", orphan: "warn", unrecorded: "warn",
  };
  const changes = { new: "new", changed: "changed", gone: "gone" };

  // Everything that came from files becomes text here, never markup.
  function make(name, properties, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in node) node[key] = value;
      else node.setAttribute(key, value);
    }
    node.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined));
    return node;
  }
  const held = (type, number) => `data:${type};base64,${$("p" + number).textContent}`;
  const small = (plate) => held("image/webp", plate.preview);
  const outcomeClass = (outcome) => `outcome ${kinds[outcome] ?? "bad"}`;

  // --- the grid ------------------------------------------------------------------------------------------------------

  const lazily = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      lazily.unobserve(target);
      const image = target.querySelector("img");
      image.src = small(shownOf(items[target.dataset.index]));
    }
  }, { rootMargin: "600px 0px" });

  function shownOf(item) {
    const seen = (item.plates ?? []).filter((plate) => plate.preview !== undefined);
    return seen.findLast((plate) => plate.role === "now" || plate.role === "sketch") ?? seen.at(-1);
  }

  function blank(item) {
    const plate = item.plates.at(-1);
    if (!plate) return item.outcome === "planned" ? "not made yet" : "no picture";
    return plate.note ?? plate.type;
  }

  function cardOf(item, index) {
    const shown = shownOf(item);
    const well = make("span", { className: shown?.clear ? "well clear" : "well" },
      shown ? make("img", { alt: "", decoding: "async" }) : make("span", { className: "blank" }, blank(item)));
    const change = shown?.role === "refused" ? "refused" : changes[item.change];
    const card = make("button", { type: "button", className: "card", title: item.name }, well,
      make("span", { className: "text" },
        make("span", { className: "name" }, item.name),
        make("span", { className: "below" },
          make("span", { className: outcomeClass(item.outcome) }, item.outcome),
          change ? make("span", {}, change) : null)));
    card.dataset.index = index;
    if (shown) lazily.observe(card);
    return card;
  }

  const cards = items.map(cardOf);
  const texts = items.map((item) => [item.name, item.id, item.outcome, changes[item.change], ...(item.tags ?? []), item.prompt]
    .join("\n").toLowerCase());
  let visible = items.map((_, index) => index);
  grid.append(...cards);

  const wanted = new Set();
  const isChanged = (item) => item.change in changes;
  const chips = outcomes.map(([outcome, number]) => chip(outcome, number, outcomeClass(outcome)));
  const changed = items.filter(isChanged).length;
  if (changed) chips.push(chip("differs from the commit", changed, ""));
  if (outcomes.length > 1 || changed) $("outcomes").append(...chips);

  function chip(name, number, className) {
    const node = make("button", { type: "button", "aria-pressed": "false" },
      make("span", { className }, name), make("span", { className: "number" }, String(number)));
    node.addEventListener("click", () => {
      if (!wanted.delete(name)) wanted.add(name);
      filter();
    });
    node.dataset.name = name;
    return node;
  }

  for (const [name, number] of tags) tag.append(make("option", { value: name }, `${name} (${number})`));
  $("tag-field").hidden = tags.length === 0;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const onlyChanged = wanted.has("differs from the commit");
    const some = wanted.size - Number(onlyChanged);
    const fits = (item, index) => words.every((word) => texts[index].includes(word))
      && (!some || wanted.has(item.outcome)) && (!onlyChanged || isChanged(item))
      && (!tag.value || (item.tags ?? []).includes(tag.value));
    visible = [];
    for (const [index, item] of items.entries()) {
      const isThere = fits(item, index);
      if (isThere) visible.push(index);
      if (cards[index].hidden === isThere) cards[index].hidden = !isThere;
    }
    for (const one of chips) one.setAttribute("aria-pressed", String(wanted.has(one.dataset.name)));
    const all = `${items.length} image${items.length === 1 ? "" : "s"}`;
    $("count").textContent = visible.length === items.length ? all : `${visible.length} of ${all}`;
    $("nothing").hidden = visible.length > 0;
  }

  function reset() {
    wanted.clear();
    search.value = tag.value = "";
    filter();
    search.focus();
  }

  function move(card, key) {
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const place = visible.indexOf(Number(card.dataset.index)) + steps[key];
    const next = cards[visible[place]];
    if (next) {
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: "nearest" });
    } else if (place < 0 && key === "ArrowUp") search.focus();
  }

  // --- one image -----------------------------------------------------------------------------------------------------

  let current = 0, mode = "side", pair = [0, 0], sizing = null;
  const modes = { side: "Side by side", slider: "Slider", difference: "Difference" };
  const modeButtons = Object.entries(modes).map(([name, text]) => {
    const node = make("button", { type: "button", "aria-keyshortcuts": name === "side" ? "o" : name[0] }, text);
    node.addEventListener("click", () => choose(name));
    node.dataset.mode = name;
    return node;
  });
  $("modes").append(...modeButtons);

  const comparable = (item) => item.plates.filter((plate) => plate.medium === "image" && plate.preview !== undefined);

  function open(index) {
    current = index;
    const item = items[index], plates = comparable(item);
    pair = [0, plates.length - 1];
    $("viewer-name").textContent = item.name;
    $("viewer-outcome").textContent = item.outcome;
    $("viewer-outcome").className = outcomeClass(item.outcome);
    const place = visible.indexOf(index);
    $("viewer-place").textContent = place < 0 ? "" : `${place + 1} / ${visible.length}`;
    $("previous").disabled = place <= 0;
    $("next").disabled = place < 0 || place >= visible.length - 1;
    $("modes").hidden = plates.length < 2;
    show();
    facts.replaceChildren(...factsOf(item));
    facts.scrollTop = 0;
    if (!viewer.open) viewer.showModal();
    history.replaceState(null, "", `#${encodeURIComponent(item.id)}`);
  }

  function step(by) {
    const next = visible[visible.indexOf(current) + by];
    if (next !== undefined && visible.includes(current)) open(next);
  }

  function choose(name) {
    if ($("modes").hidden) return;
    mode = name;
    show();
    stage.querySelector("input")?.focus();
  }

  function show() {
    const item = items[current], plates = comparable(item);
    const used = plates.length < 2 ? "side" : mode;
    for (const node of modeButtons) node.setAttribute("aria-pressed", String(node.dataset.mode === used));
    sizing?.disconnect();
    stage.replaceChildren(...(used === "side" ? [sideBySide(item)] : overlaid(used, plates)));
  }

  function sideBySide(item) {
    const empty = make("figure", {}, make("div", { className: "frame" }, make("span", { className: "blank" }, blank(item))));
    return make("div", { className: "plates" }, item.plates.length ? item.plates.map(figureOf) : empty);
  }

  function figureOf(plate) {
    const how = make("span", { className: "soft" });
    const size = plate.size ? `${plate.size[0]}×${plate.size[1]} · ` : "";
    const shown = plate.medium === "image" ? imageOf(plate, (text) => { how.textContent = size + plate.bytes + text; }) : playerOf(plate);
    how.textContent ||= size + plate.bytes;
    return make("figure", {}, make("div", { className: plate.clear ? "frame clear" : "frame" }, shown),
      make("figcaption", {}, make("strong", {}, plate.label), how,
        plate.note ? make("span", { className: "soft" }, plate.note) : null));
  }

  // The whole picture: out of the page, else from the disk beside it, else in small.
  function imageOf(plate, tell = () => {}) {
    if (plate.preview === undefined) return make("span", { className: "blank" }, plate.note ?? "cannot be shown");
    const image = make("img", { alt: `${items[current].name}, ${plate.label}`, decoding: "async", draggable: false });
    const shrink = () => {
      image.onerror = null;
      image.src = small(plate);
      tell(" · in small");
    };
    image.onload = () => image.classList.toggle("tiny", image.naturalWidth * 2 < image.clientWidth && image.naturalWidth < 200);
    image.onerror = shrink;
    if (plate.full !== undefined) image.src = held(plate.type, plate.full);
    else if (plate.link) {
      image.src = plate.link;
      tell(" · from the disk");
    } else shrink();
    return image;
  }

  function playerOf(plate) {
    const source = plate.full !== undefined ? held(plate.type, plate.full) : plate.link;
    if (!source) return make("span", { className: "blank" }, plate.note ?? plate.type);
    return make(plate.medium, { controls: true, preload: "metadata", src: source, "aria-label": `${items[current].name}, ${plate.label}` });
  }

  function overlaid(how, plates) {
    const [first, second] = pair.map((number) => plates[number]);
    const over = make("div", { className: `over ${how}` });
    for (const [plate, className] of [[first, "first"], [second, "second"]]) {
      const image = imageOf(plate);
      image.classList.add(className);
      over.append(image);
    }
    const room = make("div", { className: "room" }, over);
    const [width, height] = second.size;
    sizing = new ResizeObserver(() => {
      const scale = Math.min(room.clientWidth / width, room.clientHeight / height);
      over.style.width = `${width * scale}px`;
      over.style.height = `${height * scale}px`;
    });
    sizing.observe(room);
    const controls = make("div", { className: "controls" }, plates.length > 2 ? pairSelects(plates) : null);
    controls.append(how === "slider" ? slide(over, first, second) : amplify(over, first, second));
    const sizes = String(first.size) === String(second.size) ? null
      : make("span", {}, `sizes differ: ${first.size.join("×")} and ${second.size.join("×")}`);
    return [room, make("div", { className: "controls" }, controls, sizes)];
  }

  function pairSelects(plates) {
    return [0, 1].map((side) => {
      const select = make("select", { "aria-label": side ? "Right picture" : "Left picture" },
        plates.map((plate, number) => make("option", { value: String(number), selected: pair[side] === number }, plate.label)));
      select.addEventListener("change", () => { pair[side] = Number(select.value); show(); });
      return select;
    });
  }

  function slide(over, first, second) {
    const range = make("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": `How much of “${first.label}” is seen` });
    const set = (value) => {
      range.value = value;
      over.style.setProperty("--at", `${range.value}%`);
    };
    range.addEventListener("input", () => set(range.value));
    const drag = (event) => {
      if (!event.buttons) return;
      const box = over.getBoundingClientRect();
      set(100 * (event.clientX - box.left) / box.width);
    };
    over.addEventListener("pointerdown", (event) => { over.setPointerCapture(event.pointerId); drag(event); });
    over.addEventListener("pointermove", drag);
    over.append(make("span", { className: "edge" }), make("span", { className: "tag left" }, first.label),
      make("span", { className: "tag right" }, second.label));
    set(50);
    return range;
  }

  function amplify(over, first, second) {
    const range = make("input", { type: "range", min: 1, max: 16, step: 1, value: 1 });
    const text = make("span", {}, "× 1");
    range.addEventListener("input", () => {
      over.style.filter = `brightness(${range.value})`;
      text.textContent = `× ${range.value}`;
    });
    return make("label", { className: "controls" }, `${first.label} − ${second.label}; what is black did not change. Brightness`, range, text);
  }

  const section = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);

  function factsOf(item) {
    const isTold = (plate) => plate.why.split("\n").every((line) => (item.error ?? "").includes(line.trim()));
    const refused = item.plates.find((plate) => plate.why && !isTold(plate));
    return [
      item.error ? make("section", { className: "wrong" }, make("h3", {}, "What is wrong"), linesOf(item.error)) : null,
      refused ? section(`Picture ${refused.label}`, make("pre", { className: "rows" }, refused.why)) : null,
      item.reasons ? section("Why", make("ul", {}, item.reasons.map((text) => make("li", {}, text)))) : null,
      item.findings ? section("Findings", tableOf(item.findings)) : null,
      ...(item.commands ?? []).map(([title, command]) => {
        const text = make("pre", { className: "command" }, wordsOf(command));
        return section(title, text, copyButton(text));
      }),
      item.prompt ? section("Prompt", make("p", {}, item.prompt)) : null,
      item.negative ? section("Negative prompt", make("p", {}, item.negative)) : null,
      item.parameters ? section("Parameters", listOf(item.parameters)) : null,
      section("Files", listOf([["image", item.output], ["job", item.where], ...(item.tags ? [["tags", item.tags.join(", ")]] : [])])),
    ].filter(Boolean);
  }

  const listOf = (pairs) => make("dl", {}, pairs.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

  // An option is not broken at its hyphens.
  const wordsOf = (text) => text.split(/( )/).map((word) => (word === " " ? word : make("span", { className: "word" }, word)));

  function tableOf(findings) {
    const head = make("tr", {}, ["check", "found", "wanted"].map((text) => make("th", { scope: "col" }, text)));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, findings.map(([code, , found, wanted]) =>
      make("tr", {}, [code, found, wanted].map((text) => make("td", {}, text))))));
  }

  function copyButton(text) {
    const button = make("button", { type: "button", className: "copy" }, "Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text); // then the browser's own keys copy it
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    return button;
  }

  // The text of an error: its table of checks becomes one, and the command stands below by itself.
  function linesOf(text) {
    if (!text.startsWith("[")) return make("pre", { className: "rows" }, text);
    const lines = text.split("\n").map((line) => line.trim()).filter((line) => !line.startsWith("rerun: "));
    const cellsOf = (line) => line?.split(/ {2,}/) ?? [];
    const first = lines.findIndex((line) => cellsOf(line).join() === "check,found,wanted") + 1;
    let last = first;
    while (first && cellsOf(lines[last]).length === 3) last += 1;
    const paragraphs = (some) => some.map((line) => make("p", {}, line));
    if (first === last) return paragraphs(lines);
    const [before, rows, after] = [lines.slice(0, first - 1), lines.slice(first, last), lines.slice(last)];
    const findings = rows.map(cellsOf).map(([code, ...rest]) => [code, "error", ...rest]);
    return [paragraphs(before), tableOf(findings), paragraphs(after)];
  }

  // --- keys and clicks -----------------------------------------------------------------------------------------------

  const keysInViewer = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), o: () => choose("side"), s: () => choose("slider"),
    d: () => choose("difference"), c: () => facts.querySelector(".copy")?.click(), "?": () => $("help").showModal(),
  };
  const keysInGrid = { "/": () => { search.focus(); search.select(); }, "?": () => $("help").showModal() };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    const { target, key } = event;
    const isWriting = target.matches("input[type=search], select");
    const isSliding = target.matches("input[type=range]") && key.startsWith("Arrow");
    if (target === search && key === "ArrowDown" && visible.length) cards[visible[0]].focus();
    else if (isWriting || isSliding) return;
    else if (viewer.open) { if (!Object.hasOwn(keysInViewer, key)) return; keysInViewer[key](); }
    else if (target.matches(".card") && key.startsWith("Arrow")) move(target, key);
    else if (Object.hasOwn(keysInGrid, key)) keysInGrid[key]();
    else return;
    event.preventDefault();
  });
  grid.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card) open(Number(card.dataset.index));
  });
  viewer.addEventListener("close", () => {
    stage.replaceChildren();
    history.replaceState(null, "", "#");
    cards[current].focus();
  });
  $("close").addEventListener("click", () => viewer.close());
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("help-close").addEventListener("click", () => $("help").close());
  $("reset").addEventListener("click", reset);
  search.addEventListener("input", filter);
  tag.addEventListener("change", filter);
  filter();

  const named = items.findIndex((item) => `#${encodeURIComponent(item.id)}` === location.hash);
  if (named >= 0) open(named);
})();
