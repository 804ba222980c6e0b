// What Stripe's own library says of signatures. Reads {"verify":[{payload,header,secret,receivedAt}],"sign":[{payload,secret,timestamp}]} from
// stdin, writes {"verdicts":[true,…],"headers":["t=…",…]}.
import { readFileSync } from 'node:fs';
import Stripe from 'stripe';

const { webhooks } = new Stripe('sk_test_nothing_is_called');
const { verify, sign } = JSON.parse(readFileSync(0, 'utf8'));

const verdicts = verify.map(({ payload, header, secret, receivedAt }) => {
  try {
    webhooks.constructEvent(payload, header, secret, 300, undefined, receivedAt * 1000);
    return true;
  } catch (error) {
    // An empty v1 it does not even compare.
    if (error.type !== 'StripeSignatureVerificationError' && !/secureCompare/.test(error.message)) throw error;
    return false;
  }
});
const headers = sign.map(({ payload, secret, timestamp }) => webhooks.generateTestHeaderString({ payload, secret, timestamp }));

process.stdout.write(JSON.stringify({ verdicts, headers, version: Stripe.PACKAGE_VERSION }));
