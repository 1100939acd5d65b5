"use strict";

const page = document.getElementById("swagger-ui");

// The page is at docs, below whatever prefix the app has for its routes.
const prefix = new URL(".", location.href).pathname.replace(/\/$/, "");
const withServers = (document) => ({ servers: [{ url: prefix || "/" }], ...document });

// The cookie is HttpOnly: the browser sends it by itself. What else an app asks for can be filled in.
const isOther = (scheme) => scheme.get("in") !== "cookie";
const hasOthers = ({ specSelectors }) => Boolean(specSelectors.securityDefinitions()?.some(isOther));
const onlyWithOthers = (Original, system) => (props) =>
  hasOthers(system) ? system.React.createElement(Original, props) : null;

const onlyIfSeveral = (Original, system) => (props) =>
  system.specSelectors.servers().size > 1 ? system.React.createElement(Original, props) : null;

const mooring = () => ({
  statePlugins: {
    spec: { wrapActions: { updateJsonSpec: (update) => (document) => update(withServers(document)) } },
  },
  wrapComponents: {
    ServersContainer: onlyIfSeveral,
    authorizeBtn: onlyWithOthers,
    authorizeOperationBtn: onlyWithOthers,
  },
});

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: page.dataset.url,
  deepLinking: true,
  tryItOutEnabled: true,
  withCredentials: true,
  validatorUrl: null,
  plugins: [mooring],
});
