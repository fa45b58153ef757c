import { once } from "node:events";
import { connect } from "node:net";

/** FLUSHALL. */
export async function flushRedis(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write("FLUSHALL\r\n");
  const [said] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  if (!said.toString().startsWith("+OK")) throw new Error(`Redis said ${said}`);
}
