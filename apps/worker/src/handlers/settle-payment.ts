import type { Engine } from "@parley/domain";
import type { JobHandlers } from "@parley/queue";

export const settlePayment =
  (engine: Engine): Required<JobHandlers>["payment.settle"] =>
  (payload) =>
    engine.settlePayment(payload);
