"use strict";

// The cookie is HttpOnly: the browser sends it by itself, so there is nothing to authorize.
const withoutAuthorize = () => ({
  wrapComponents: { authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null },
});

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "/openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  withCredentials: true,
  validatorUrl: null,
  plugins: [withoutAuthorize],
});
