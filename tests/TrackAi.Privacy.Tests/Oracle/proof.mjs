// Reads [{token, secret}] from stdin and writes the appsecret_proof that Meta's library sends for each: its request is caught, not sent.
import business from 'facebook-nodejs-business-sdk';

let text = '';
for await (const chunk of process.stdin) text += chunk;
const proofs = [];
for (const { token, secret } of JSON.parse(text)) {
  const caught = { executeRequest: async (url, method, headers, params) => proofs.push(params.appsecret_proof ?? null) };
  const event = new business.ServerEvent().setEventName('Purchase').setUserData(new business.UserData().setEmail('ana@example.com'));
  await new business.EventRequest(token, '1', [event], null, null, null, null, null, null, false, caught, secret).execute();
}
process.stdout.write(JSON.stringify(proofs));
