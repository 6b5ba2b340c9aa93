// Reads the API beside which this page is served. Texts from the API only ever become text nodes.
"use strict";

const api = new URL("../api/", document.baseURI);
const part = (id) => document.getElementById(id);
let page = 1;
let asked = 0;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function get(path, query) {
  const url = new URL(path, api);
  for (const [key, value] of Object.entries(query || {})) if (value) url.searchParams.set(key, value);
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) {
    const said = await answer.text();
    throw new Error(`${url.pathname}: ${answer.status} ${said.trim()}`);
  }
  return { body: await answer.json(), next: Number(answer.headers.get("X-Next-Page") || 1) };
}

function facts(pairs) {
  const list = element("dl");
  for (const [key, value, className] of pairs) {
    if (value === undefined || value === "") continue;
    list.append(element("dt", key), element("dd", String(value), className));
  }
  return list;
}

function overview(body) {
  const cards = element("div", undefined, "cards");
  const count = (title, path, counts) => {
    if (!counts) return;
    const card = element("section", undefined, "card");
    const link = element("a", title);
    link.href = "#" + path;
    const heading = element("h2");
    heading.append(link);
    card.append(heading, facts([
      ["total", counts.total],
      ["warnings", counts.warnings, counts.warnings ? "warning" : ""],
      ["errors", counts.errors, counts.errors ? "disabled" : ""],
    ]));
    cards.append(card);
  };
  for (const layer of ["http", "tcp", "udp"]) {
    for (const kind of ["routers", "services", "middlewares"]) {
      count(`${layer.toUpperCase()} ${kind}`, `${layer}/${kind}`, body[layer][kind]);
    }
  }
  count("Certificates", "certificates", body.certificates);
  const card = element("section", undefined, "card");
  const on = body.features;
  card.append(element("h2", "Features"), facts([
    ["providers", (body.providers || []).join(", ") || "none"],
    ["metrics", on.metrics || "off"],
    ["tracing", on.tracing || "off"],
    ["access log", on.accessLog ? "on" : "off"],
  ]));
  cards.append(card);
  return cards;
}

function item(found) {
  const box = element("details", undefined, "card");
  const line = element("summary");
  line.append(element("b", found.name || found.commonName || ""));
  if (found.commonName) line.firstChild.textContent = found.commonName;
  if (found.status) line.append(element("span", found.status, found.status));
  for (const text of [
    found.rule, found.type, found.address, (found.entryPoints || []).join(", "),
    found.service && `→ ${found.service}`, (found.middlewares || []).join(", "), (found.sans || []).join(", "),
    found.notAfter && `until ${found.notAfter}`, found.usedBy && `used by ${found.usedBy.length}`,
  ]) if (text) line.append(element("span", text));
  box.append(line);
  const servers = Object.entries(found.serverStatus || {});
  if (servers.length) box.append(facts(servers.map(([url, status]) => [url, status, status])));
  if (found.error) {
    const errors = element("ul", undefined, "errors");
    for (const text of found.error) errors.append(element("li", text));
    box.append(errors);
    box.open = true;
  }
  box.append(element("pre", JSON.stringify(found, null, 2)));
  return box;
}

async function show() {
  const own = ++asked;
  const path = location.hash.slice(1) || "overview";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === "#" + path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const listed = path.includes("/") || path === "certificates";
  part("filter").hidden = !listed;
  const message = part("message");
  try {
    const query = listed ? { search: part("search").value, status: part("status").value, page, per_page: 50 } : {};
    const { body, next } = await get(path, query);
    if (own !== asked) return;
    message.textContent = "";
    message.className = "";
    const content = part("content");
    if (path === "overview") {
      content.replaceChildren(overview(body));
    } else {
      const items = element("div", undefined, "items");
      items.append(...body.map(item));
      if (!body.length) message.textContent = "Nothing here.";
      content.replaceChildren(items);
    }
    part("pages").hidden = path === "overview" || (page === 1 && next === 1);
    part("back").disabled = page === 1;
    part("next").disabled = next === 1;
    part("next").onclick = () => { page = next; show(); };
  } catch (error) {
    if (own !== asked) return;
    part("content").replaceChildren();
    part("pages").hidden = true;
    message.textContent = `The API does not answer: ${error.message}`;
    message.className = "bad";
  }
}

function again() { page = 1; show(); }

part("back").onclick = () => { page = Math.max(1, page - 1); show(); };
part("search").oninput = again;
part("status").onchange = again;
part("filter").onsubmit = (event) => event.preventDefault();
window.onhashchange = again;
get("version").then(({ body }) => {
  const name = body.dashboardName || "Sluice";
  part("title").textContent = name;
  document.title = name;
  part("about").textContent = `version ${body.Version}, running since ${new Date(body.startDate).toLocaleString()}`;
}).catch(() => {});
show();
