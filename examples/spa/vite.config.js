import { defineConfig } from 'vite';

export default defineConfig({
  // Relative URLs, so that the app works under any path.
  base: './',
  // The origins that `portcullis dev` allows.
  server: { host: '127.0.0.1', strictPort: true },
  preview: { host: '127.0.0.1', strictPort: true },
});
