import { Server } from "holdfast";

const io = new Server();

io.on("connection", (socket) => {
  socket.on("echo", (value) => socket.emit("echo", value));
  socket.on("ack", (value, done) => done(value));
  socket.on("both", (value, done) => {
    socket.emit("both", value);
    done(value);
  });
  socket.on("broadcast", (value) => io.emit("broadcast", value));
  socket.on("awaits", async (value, done) => {
    let sum = 0;
    for (let i = 0; i < 5; i++) sum += await i;
    done(sum);
  });
});
