/** Made from docs/events by `npm run openapi`. */
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * payment.awaiting_confirmation
         * @description The payment waits for the buyer: newly, or again, with nothing held and the reason given
         */
        "payment.awaiting_confirmation": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.awaiting_confirmation";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "awaiting_confirmation";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
            };
        };
        /**
         * payment.awaiting_approval
         * @description An organisation’s payment waits for an approver: newly, or again, because what he would approve has changed. Nothing is held
         */
        "payment.awaiting_approval": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.awaiting_approval";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "awaiting_approval";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
                /** @description Of what was read of the invoice: the approval names it */
                version: number;
            };
        };
        /**
         * payment.paid
         * @description The invoice is paid by this payment
         */
        "payment.paid": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.paid";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "paid";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
            };
        };
        /**
         * payment.declined
         * @description The payment has ended unpaid, nothing is held
         */
        "payment.declined": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.declined";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "declined";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
            };
        };
        /**
         * payment.expired
         * @description The invoice has expired unpaid, nothing is held
         */
        "payment.expired": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.expired";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "expired";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
            };
        };
        /**
         * payment.cancelled
         * @description The payment was called off, nothing is held
         */
        "payment.cancelled": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.cancelled";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "cancelled";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
            };
        };
        /**
         * payment.in_review
         * @description It is not known whether the invoice is paid, and a person looks at it. What is held stays held
         */
        "payment.in_review": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.in_review";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                paymentId: string;
                /** @enum {string} */
                scheme: "loyalty" | "organisation";
                /** @constant */
                state: "in_review";
                /** @description Why it stands where it does; a code */
                reason: string | null;
                /** @description Invoicebox’s, where it refused with one */
                refusalCode: string | null;
                invoiceId: string;
                invoiceNumber: string | null;
                /** @description In minor units (kopecks) */
                amountMinor: number | null;
                currency: string | null;
                /** @description What the invoice costs in points; null in the organisation’s scheme */
                points: number | null;
                memberId: string | null;
                /** @description Invoicebox’s, of a payment that was made */
                transactionId: string | null;
            };
        };
        /**
         * payment.returned
         * @description Money of a paid payment has come back to the buyer: the points of this part are his again. The payment stays paid
         */
        "payment.returned": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "payment.returned";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                returnId: string;
                /** Format: uuid */
                paymentId: string;
                invoiceId: string;
                invoiceNumber: string | null;
                memberId: string | null;
                /** @description Of this return, in minor units (kopecks) */
                amountMinor: number;
                currency: string;
                /** @description What this return gave back to the member */
                points: number;
                /** @description Whether the money is in the fund again */
                fundRestored: boolean;
                /** @description Of the refund */
                reference: string;
                /** @description By all returns of the payment so far */
                returnedMinor: number;
                /** @description By all returns of the payment so far */
                returnedPoints: number;
                /** @description What the invoice read before it was booked; null: it was not read */
                invoiceStatus: string | null;
            };
        };
        /**
         * batch.finished
         * @description A batch of an organisation’s payments has come to its end, or was cancelled and has nothing under way any more
         */
        "batch.finished": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "batch.finished";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /**
                 * Format: uuid
                 * @description Of the batch
                 */
                id: string;
                /** @enum {string} */
                state: "finished" | "cancelled";
                /** @description Null: its invoices were named */
                filter: {
                    amountUnderMinor?: number;
                    /** Format: date-time */
                    createdAfter?: string;
                    currency?: string;
                } | null;
                found: number;
                skipped: number;
                /** @description How many by reason; a code */
                skippedBecause: {
                    [key: string]: number;
                };
                /** @description Of these, the following six */
                started: number;
                awaitingApproval: number;
                inReview: number;
                paid: number;
                declined: number;
                expired: number;
                cancelled: number;
                /** @description Elements of the list that could not be read */
                unreadable: number;
                paidAmounts: {
                    currency: string;
                    amountMinor: number;
                }[];
                /** Format: date-time */
                createdAt: string;
                /** Format: date-time */
                finishedAt: string;
            };
        };
        /**
         * points.credited
         * @description A member has more points
         */
        "points.credited": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "points.credited";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                creditId: string;
                /** Format: uuid */
                memberId: string;
                points: number;
                reference: string;
                expiresOn: string | null;
            };
        };
        /**
         * points.expired
         * @description Points of a member were not spent in time
         */
        "points.expired": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "points.expired";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                memberId: string;
                points: number;
                /**
                 * Format: date
                 * @description The last day on which they could be spent
                 */
                expiredOn: string;
            };
        };
        /**
         * import.finished
         * @description An import of credits has come to its end; what of it was credited stays credited, also where it failed
         */
        "import.finished": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "import.finished";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /**
                 * Format: uuid
                 * @description Of the import
                 */
                id: string;
                state: string;
                format: string;
                dryRun: boolean;
                totalBytes: number | null;
                totalLines: number | null;
                linesDone: number;
                creditedLines: number;
                creditedPoints: number;
                alreadyCreditedLines: number;
                rejectedLines: number;
                membersCreated: number;
                failure: string | null;
                /** Format: date-time */
                createdAt: string;
                startedAt: string | null;
                finishedAt: string | null;
            };
        };
        /**
         * fund.low
         * @description What is available of the fund has fallen below your mark. Told once, and again only after it was above
         */
        "fund.low": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "fund.low";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                currency: string;
                /** @description Without the overdraft */
                availableMinor: number;
                /** @description The mark */
                lowWaterMinor: number;
                overdraftMinor: number;
                /**
                 * @description enforce: what the fund cannot pay is declined; warn: it is tried all the same
                 * @enum {string}
                 */
                guard: "enforce" | "warn";
            };
        };
        /**
         * fund.difference
         * @description Our books of the fund and Invoicebox disagree; a person should look
         */
        "fund.difference": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "fund.difference";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** @description refused_for_want_of_money: Invoicebox refused although our books say enough; paid_after_release: paid although the payment was given up; of what reconciliation found, its kind: ours_only, theirs_only, amount, state, duplicate, ambiguous; more may come */
                kind: string;
                currency: string | null;
                /** @description What it is about, in minor units (kopecks) */
                amountMinor: number | null;
                paymentId: string | null;
                /** @description Invoicebox’s, where it said one */
                code: string | null;
                /** @description Of a difference that reconciliation keeps */
                differenceId: string | null;
            };
        };
        /**
         * webhook_endpoint.disabled
         * @description Nothing more is sent to one of your endpoints. What it misses meanwhile can be replayed
         */
        "webhook_endpoint.disabled": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "webhook_endpoint.disabled";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                endpointId: string;
                /**
                 * @description failing: it has failed for three days; gone: it has answered 410; by_partner: you have disabled it
                 * @enum {string}
                 */
                reason: "failing" | "gone" | "by_partner";
                failingSince: string | null;
            };
        };
        /**
         * webhook_delivery.failed
         * @description One of your endpoints has refused an event at every attempt, while it took others. It can be sent again. That this event itself could not be delivered is not told
         */
        "webhook_delivery.failed": {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "webhook_delivery.failed";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                endpointId: string;
                /**
                 * Format: uuid
                 * @description Of the event that was not delivered
                 */
                eventId: string;
                eventType: string;
                attempts: number;
                /** @description What the endpoint answered last */
                lastStatus: number | null;
                /** @description What kept an answer from coming */
                lastProblem: string | null;
            };
        };
        /**
         * test
         * @description Means nothing: it was asked for, to try an endpoint. Not in the feed
         */
        test: {
            /**
             * Format: uuid
             * @description Of the event, the same at every delivery: what was seen already can be told by it
             */
            id: string;
            /** @constant */
            type: "test";
            /**
             * Format: date-time
             * @description When it became true
             */
            timestamp: string;
            /** @description Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment */
            sequence: number | null;
            data: {
                /** Format: uuid */
                endpointId: string;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
