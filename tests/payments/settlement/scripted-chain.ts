import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeAbiParameters, encodeEventTopics, type Hex, numberToHex } from "viem";
import { Abis } from "viem/tempo";

/** `pending`: accepted and in no block yet. */
type TransferState = "pending" | "mined" | "reverted";

interface Transfer {
  hash: Hex;
  from: Hex;
  to: Hex;
  token: Hex;
  amount: bigint;
  memo: Hex;
  state: TransferState;
}

/** As much of a Tempo node as payments by transfer look at, over real HTTP. What stands in it is what was paid. */
export interface ScriptedChain {
  url: string;
  host: string;
  transfers: Map<Hex, Transfer>;
  /** Makes a transfer and gives its hash. */
  pay(transfer: Omit<Transfer, "hash">): Hex;
  close(): Promise<void>;
}

const BLOCK = { blockHash: `0x${"b".repeat(64)}`, blockNumber: numberToHex(7), transactionIndex: "0x0" };

function receiptOf({ hash, from, to, token, amount, memo, state }: Transfer): object {
  const logFields = { address: token, ...BLOCK, transactionHash: hash, removed: false };
  const named = { abi: Abis.tip20, args: { from, to, memo } };
  const logs = [
    {
      ...{ ...logFields, logIndex: "0x0", topics: encodeEventTopics({ ...named, eventName: "Transfer", args: { from, to } }) },
      data: encodeAbiParameters([{ type: "uint256" }], [amount]),
    },
    {
      ...{ ...logFields, logIndex: "0x1", topics: encodeEventTopics({ ...named, eventName: "TransferWithMemo" }) },
      data: encodeAbiParameters([{ type: "uint256" }], [amount]),
    },
  ];
  return {
    ...{ ...BLOCK, transactionHash: hash, from, to: token, type: "0x76", contractAddress: null, logsBloom: `0x${"0".repeat(512)}` },
    ...{ cumulativeGasUsed: "0x1", gasUsed: "0x1", effectiveGasPrice: "0x1", feePayer: from },
    ...(state === "mined" ? { status: "0x1", logs } : { status: "0x0", logs: [] }),
  };
}

export async function startScriptedChain(): Promise<ScriptedChain> {
  const transfers: ScriptedChain["transfers"] = new Map();

  function resultOf(method: string, hash: Hex): unknown {
    const transfer = transfers.get(hash);
    if (method === "eth_getTransactionReceipt") return transfer === undefined || transfer.state === "pending" ? null : receiptOf(transfer);
    if (method !== "eth_getTransactionByHash") throw new Error(method);
    if (transfer === undefined) return null;
    const place = transfer.state === "pending" ? { blockHash: null, blockNumber: null, transactionIndex: null } : BLOCK;
    return {
      ...place,
      hash,
      from: transfer.from,
      to: transfer.token,
      type: "0x76",
      nonce: "0x0",
      value: "0x0",
      gas: "0x1",
      input: "0x",
      calls: [],
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { id, method, params } = JSON.parse(await textOf(request)) as { id: number; method: string; params: [Hex] };
    response.setHeader("content-type", "application/json");
    try {
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method, params[0]) }));
    } catch {
      response.end(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32_601, message: `no ${method}` } }));
    }
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, transfers },
    pay(transfer) {
      const hash: Hex = `0x${randomBytes(32).toString("hex")}`;
      transfers.set(hash, { ...transfer, hash });
      return hash;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return text;
}
