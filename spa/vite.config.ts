import { defineConfig } from "vite";

// The port is the one that CORS_ORIGINS names by default.
export default defineConfig({
  server: { port: 4200, strictPort: true },
  preview: { port: 4200, strictPort: true },
});
