// Signs users in and calls the API without access to a token: the service keeps the tokens, and the browser has a cookie that scripts cannot
// read. Each request carries `X-Requested-With`, which proves that a script of an allowed origin sent it.

const service = document.documentElement.dataset.service;
const element = (id) => document.getElementById(id);

async function call(method, path, body, headers = {}) {
  const answer = await fetch(service + path, {
    method,
    // Sends the cookie to another origin of the same site too.
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
  // The session here has ended. The session at the provider ends on its page.
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
  let session;
  try {
    session = await call("GET", "/auth/session");
  } catch (error) {
    // Only 401 means signed out. A new sign-in would not fix other errors, such as a disabled account or an outage.
    if (error.status !== 401) throw error;
  }
  element("notice").textContent = notice;
  element("signed-out").hidden = Boolean(session);
  element("signed-in").hidden = !session;
  if (!session) return;
  const [me, { items }] = await Promise.all([call("GET", "/api/v1/me"), call("GET", "/api/v1/me/sessions")]);
  element("name").textContent = session.display_name ?? session.id;
  element("permissions").textContent = session.permissions.join(", ");
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

// A failed sign-in returns here with an error code. It is shown, and not retried.
const failed = new URLSearchParams(location.search).get("error");
if (failed) history.replaceState(null, "", location.pathname);
await attempt(() => show(failed ? `You are not signed in: ${failed}` : ""));
