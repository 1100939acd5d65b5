import { defineConfig } from "vite";

// The app serves what is built; with `npx vite` the page is on a port of its own, in front of a running app.
const app = "http://127.0.0.1:3000";
const api = ["/sign-in", "/me", "/people", "/channels", "/files", "/logout", "/devices"];

export default defineConfig({
  build: { outDir: "../chat/page", emptyOutDir: true, assetsInlineLimit: 0 },
  server: {
    proxy: {
      ...Object.fromEntries(api.map((path) => [path, app])),
      "/socket.io": { target: app, ws: true },
    },
  },
});
