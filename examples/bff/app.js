// A page that signs people in and acts for them without ever seeing a token: the service keeps them, and the browser has a cookie that no
// script can read. What the page does itself is to send `X-Requested-With` with each request, which shows that a script of it sent that.

const service = document.documentElement.dataset.service;
const element = (id) => document.getElementById(id);

async function call(method, path, body, headers = {}) {
  const answer = await fetch(service + path, {
    method,
    // The cookie goes along to a sibling origin as well.
    credentials: "include",
    headers: { "X-Requested-With": "fetch", ...(body && { "Content-Type": "application/json" }), ...headers },
    body: body && JSON.stringify(body),
  });
  const content = answer.status === 204 ? null : await answer.json();
  if (answer.ok) return content;
  throw Object.assign(new Error(content.detail ?? content.title), { status: answer.status, type: content.type });
}

function signIn() {
  const here = new URL(location.href);
  here.search = "";
  location.assign(`${service}/auth/login?return_to=${encodeURIComponent(here)}`);
}

async function signOut() {
  const { end_session_url: next } = await call("POST", "/auth/logout");
  // Signed out here; the provider's own session ends at its page.
  if (next) location.assign(next);
  else await show();
}

async function save() {
  await call("PATCH", "/api/v1/me", { locale: element("locale").value || null }, { "If-Match": "*" });
  await show("Saved.");
}

async function endSession(id) {
  await call("DELETE", `/api/v1/me/sessions${id ? `/${id}` : ""}`);
  await show();
}

function showSession(session) {
  const item = document.createElement("li");
  item.textContent = `${session.device ?? "unknown"}, last used ${session.last_used_at}${session.current ? " (this one) " : " "}`;
  const end = document.createElement("button");
  end.textContent = "End";
  end.addEventListener("click", () => attempt(() => endSession(session.id)));
  item.append(end);
  return item;
}

async function show(notice = "") {
  let who;
  try {
    who = await call("GET", "/auth/session");
  } catch (error) {
    // 401 alone means that nobody is signed in. Anything else (shut out, out of order) a new sign-in would not help.
    if (error.status !== 401) throw error;
  }
  element("notice").textContent = notice;
  element("signed-out").hidden = Boolean(who);
  element("signed-in").hidden = !who;
  if (!who) return;
  const [me, { items }] = await Promise.all([call("GET", "/api/v1/me"), call("GET", "/api/v1/me/sessions")]);
  element("name").textContent = who.display_name ?? who.id;
  element("permissions").textContent = who.permissions.join(", ");
  element("locale").value = me.locale ?? "";
  element("sessions").replaceChildren(...items.map(showSession));
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (error.status === 401) await show("Your session has ended.");
    else element("notice").textContent = error.message;
  }
}

element("sign-in").addEventListener("click", signIn);
element("sign-out").addEventListener("click", () => attempt(signOut));
element("save").addEventListener("click", () => attempt(save));
element("end-all").addEventListener("click", () => attempt(() => endSession()));

// A sign-in that came to nothing ends here with a code. It is shown, not tried again.
const failed = new URLSearchParams(location.search).get("error");
if (failed) history.replaceState(null, "", location.pathname);
await attempt(() => show(failed ? `You are not signed in: ${failed}` : ""));
