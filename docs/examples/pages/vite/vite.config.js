// While developing, the page comes from Vite, and the rows from a server beside it.
export default {
  server: { proxy: { "/vortex": { target: "http://127.0.0.1:8080", ws: true } } },
}
