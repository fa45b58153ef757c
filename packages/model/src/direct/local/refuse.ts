import { GatewayError } from "@parley/contracts";

/** What is wrong with one parameter of a request to a built-in model. */
export const refuse = (param: string, message: string): GatewayError =>
  new GatewayError("model_refused", { text: message, issues: [{ path: [param], code: "invalid_value", message }] });
