import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Session } from "mppx/tempo";
import { decodeFunctionData, encodeAbiParameters, encodeEventTopics, encodeFunctionResult, keccak256, numberToHex, zeroHash } from "viem";
import { Transaction } from "viem/tempo";

const { Channel, Constants, escrowAbi } = Session.Precompile;
type Hex = `0x${string}`;
type Descriptor = Session.Precompile.SessionDescriptor;

interface OnChain {
  descriptor: Descriptor;
  deposit: bigint;
  settled: bigint;
  closeRequestedAt: number;
  /** What the last closing gave to whom. */
  paid: bigint;
  returned: bigint;
}

/** As much of a Tempo node as payments through channels use, over real HTTP: no chain that can be run here has their escrow. */
export interface EscrowChain {
  url: string;
  host: string;
  channels: Map<string, OnChain>;
  /** Transactions that were sent, by what they call. */
  sent: string[];
  /** The next so many requests for a receipt are not answered: the connection is cut. */
  loseReceipts: number;
  /** Everything is cut. */
  isAway: boolean;
  close(): Promise<void>;
}

class UnknownMethod extends Error {}

const UINT96 = { type: "uint96" } as const;

export async function startEscrowChain(chainId: number): Promise<EscrowChain> {
  const channels: EscrowChain["channels"] = new Map();
  const receipts = new Map<string, object>();
  const sent: string[] = [];
  let height = 1n;

  const found = (descriptor: Descriptor): [string, OnChain] => {
    const id = Channel.computeId({ ...descriptor, chainId }).toLowerCase();
    const channel = channels.get(id);
    if (channel === undefined) throw new Error("execution reverted: no such channel");
    return [id, channel];
  };
  const tupleOf = ({ settled, deposit, closeRequestedAt }: Pick<OnChain, "settled" | "deposit" | "closeRequestedAt">) => ({
    ...{ settled, deposit, closeRequestedAt },
  });
  const NONE = { settled: 0n, deposit: 0n, closeRequestedAt: 0 };

  function logOf(eventName: "ChannelOpened" | "TopUp" | "ChannelClosed", id: string, { descriptor }: OnChain, data: Hex): object {
    const args = { channelId: id as Hex, payer: descriptor.payer, payee: descriptor.payee };
    const topics = encodeEventTopics({ abi: escrowAbi, eventName, args });
    return {
      address: Constants.tip20ChannelEscrow,
      topics,
      data,
      blockNumber: numberToHex(height),
      logIndex: "0x0",
      transactionIndex: "0x0",
      removed: false,
    };
  }

  function execute(raw: Hex): { log: object; from: Hex } {
    const transaction = Transaction.deserialize(raw as never) as unknown as { calls: { data: Hex }[]; from?: Hex };
    const from = transaction.from;
    const data = transaction.calls.at(-1)?.data;
    if (data === undefined || from === undefined) throw new Error("not a call");
    const { functionName, args } = decodeFunctionData({ abi: escrowAbi, data });
    sent.push(functionName);
    if (functionName === "open") {
      const [payee, operator, token, deposit, salt, authorizedSigner] = args;
      const expiringNonceHash = Channel.computeExpiringNonceHash(transaction as never, { sender: from });
      const descriptor: Descriptor = { payer: from, payee, operator, token, salt, authorizedSigner, expiringNonceHash };
      const id = Channel.computeId({ ...descriptor, chainId }).toLowerCase();
      if (channels.has(id)) throw new Error("execution reverted: it is open");
      const channel: OnChain = { descriptor, deposit, settled: 0n, closeRequestedAt: 0, paid: 0n, returned: 0n };
      channels.set(id, channel);
      const shape = [
        { type: "address" },
        { type: "address" },
        { type: "address" },
        { type: "bytes32" },
        { type: "bytes32" },
        UINT96,
      ] as const;
      return {
        from,
        log: logOf(
          "ChannelOpened",
          id,
          channel,
          encodeAbiParameters(shape, [operator, token, authorizedSigner, salt, expiringNonceHash, deposit]),
        ),
      };
    }
    if (functionName === "topUp") {
      const [id, channel] = found(args[0]);
      channel.deposit += args[1];
      return { from, log: logOf("TopUp", id, channel, encodeAbiParameters([UINT96, UINT96], [args[1], channel.deposit])) };
    }
    if (functionName === "close") {
      const [id, channel] = found(args[0]);
      const taken = args[2];
      if (channel.deposit === 0n || taken > args[1] || taken > channel.deposit) throw new Error("execution reverted: more than there is");
      Object.assign(channel, { paid: taken - channel.settled, returned: channel.deposit - taken, settled: taken, deposit: 0n });
      return { from, log: logOf("ChannelClosed", id, channel, encodeAbiParameters([UINT96, UINT96], [channel.paid, channel.returned])) };
    }
    throw new Error(`execution reverted: ${functionName}`);
  }

  function send(raw: Hex): Hex {
    const transactionHash = keccak256(raw);
    const { log, from } = execute(raw);
    height += 1n;
    const place = { blockHash: zeroHash, blockNumber: numberToHex(height), transactionHash, transactionIndex: "0x0" };
    receipts.set(transactionHash, {
      ...{ ...place, from, to: Constants.tip20ChannelEscrow, status: "0x1", type: "0x76", logs: [{ ...log, ...place }], logsBloom: "0x" },
      ...{ cumulativeGasUsed: "0x1", gasUsed: "0x1", effectiveGasPrice: "0x1", contractAddress: null },
    });
    return transactionHash;
  }

  function read({ data, calls }: { data?: Hex; calls?: unknown }): Hex {
    if (data === undefined || calls !== undefined) return "0x";
    const { functionName, args } = decodeFunctionData({ abi: escrowAbi, data });
    if (functionName === "getChannelState") {
      const result = tupleOf(channels.get(args[0].toLowerCase()) ?? NONE);
      return encodeFunctionResult({ abi: escrowAbi, functionName, result });
    }
    if (functionName === "getChannel") {
      const [, channel] = found(args[0]);
      return encodeFunctionResult({ abi: escrowAbi, functionName, result: { descriptor: args[0], state: tupleOf(channel) } });
    }
    return "0x";
  }

  function answer(method: string, params: unknown[]): unknown {
    const [first] = params;
    const block = {
      number: numberToHex(height),
      hash: zeroHash,
      baseFeePerGas: "0x1",
      timestamp: numberToHex(Math.floor(Date.now() / 1_000)),
      gasLimit: "0x1c9c380",
      transactions: [],
    };
    switch (method) {
      case "eth_chainId":
        return numberToHex(chainId);
      case "eth_call":
        return read(first as { data?: Hex });
      case "eth_sendRawTransaction":
        return send(first as Hex);
      case "eth_getTransactionReceipt":
        return receipts.get(String(first)) ?? null;
      case "eth_blockNumber":
        return numberToHex(height);
      case "eth_getBlockByNumber":
        return block;
      case "eth_estimateGas":
        return "0x186a0";
      case "eth_getTransactionCount":
      case "eth_maxPriorityFeePerGas":
      case "eth_gasPrice":
        return "0x1";
      default:
        throw new UnknownMethod(`the method ${method} is not there`);
    }
  }

  async function bodyOf(request: IncomingMessage): Promise<{ id: number; method: string; params: unknown[] }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return JSON.parse(Buffer.concat(chunks).toString());
  }

  const http = createServer((request, response) => {
    void bodyOf(request).then(({ id, method, params }) => {
      const isLost = chain.isAway || (method === "eth_getTransactionReceipt" && chain.loseReceipts > 0);
      if (isLost) {
        if (!chain.isAway) chain.loseReceipts -= 1;
        return void response.destroy();
      }
      response.setHeader("content-type", "application/json");
      try {
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result: answer(method, params ?? []) }));
      } catch (error) {
        response.end(
          JSON.stringify({
            jsonrpc: "2.0",
            id,
            error: { code: error instanceof UnknownMethod ? -32_601 : 3, message: (error as Error).message },
          }),
        );
      }
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const chain: EscrowChain = {
    ...{ url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, channels, sent, loseReceipts: 0, isAway: false },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return chain;
}
