// Reads [{field, input}] from stdin and writes, for each, what Meta's library would send: a list of hashes, or null where it refuses.
import business from 'facebook-nodejs-business-sdk';

const setters = {
  em: 'setEmails', ph: 'setPhones', fn: 'setFirstNames', ln: 'setLastNames', db: 'setDatesOfBirth', ge: 'setGenders',
  ct: 'setCities', st: 'setStates', zp: 'setZips', country: 'setCountries', external_id: 'setExternalIds',
};

const send = ({ field, input }) => {
  try {
    const user = new business.UserData();
    user[setters[field]]([input]);
    const sent = user.normalize()[field] ?? null;
    return sent === null ? null : [sent].flat();
  } catch {
    return null;
  }
};

let text = '';
for await (const chunk of process.stdin) text += chunk;
process.stdout.write(JSON.stringify(JSON.parse(text).map(send)));
