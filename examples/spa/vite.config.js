import { defineConfig } from 'vite';

export default defineConfig({
  // Wherever it is put: addresses are relative to the page.
  base: './',
  // Where `portcullis dev` expects an app.
  server: { host: '127.0.0.1', strictPort: true },
  preview: { host: '127.0.0.1', strictPort: true },
});
