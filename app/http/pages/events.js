"use strict";

AsyncApiStandalone.render(
  { schema: { url: "/asyncapi.json" }, config: { show: { errors: true } } },
  document.getElementById("asyncapi"),
);
