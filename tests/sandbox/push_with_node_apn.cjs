// Drives the stand-in with npm's @parse/node-apn, run in the folder that holds its node_modules.
// Arguments: port, folder with certificate.pem, key.pem, ca.pem, topic, then the tokens; prints its results as JSON.
const { createRequire } = require('node:module');
const { join } = require('node:path');
const apn = createRequire(join(process.cwd(), 'package.json'))('@parse/node-apn');

const [port, folder, topic, ...tokens] = process.argv.slice(2);

async function main() {
  const provider = new apn.Provider({
    address: 'localhost',
    port: Number(port),
    cert: join(folder, 'certificate.pem'),
    key: join(folder, 'key.pem'),
    ca: [join(folder, 'ca.pem')],
    connectionRetryLimit: 1,
  });
  const push = new apn.Notification();
  push.topic = topic;
  push.pushType = 'background';
  push.priority = 5;
  push.rawPayload = { aps: {} };
  const result = await provider.send(push, tokens);
  const failed = result.failed.map(({ device, status, response, error }) => ({
    device,
    status,
    response,
    error: error && error.message,
  }));
  await provider.shutdown();
  console.log(JSON.stringify({ sent: result.sent.map(({ device }) => device), failed }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
