// SPDX-License-Identifier: Apache-2.0
// Node's HTTP client: asks for all targets named on stdin ("METHOD target" per line), one after another, and tells of
// each response how it understood it: "status length hash", or "error". usage: node client.js PORT
const http = require('http');
const crypto = require('crypto');

const port = Number(process.argv[2]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function ask(method, path) {
  return new Promise((resolve) => {
    const request = http.request({ port, host: '127.0.0.1', method, path, agent, timeout: 5000 }, (response) => {
      const hash = crypto.createHash('sha256');
      let length = 0;
      response.on('data', (data) => { hash.update(data); length += data.length; });
      response.on('end', () => resolve(response.complete
        ? `${response.statusCode} ${length} ${hash.digest('hex').slice(0, 16)}` : 'error'));
      response.on('error', () => resolve('error'));
      response.on('aborted', () => resolve('error'));
    });
    request.on('error', () => resolve('error'));
    request.on('timeout', () => { resolve('timeout'); request.destroy(); });
    request.end();
  });
}

(async () => {
  const lines = require('fs').readFileSync(0, 'latin1').split('\n').filter((line) => line);
  for (const line of lines) console.log(await ask(...line.split(' ')));
  process.exit(0);
})();
