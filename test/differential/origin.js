// SPDX-License-Identifier: Apache-2.0
// Node's HTTP server: tells of each request how it understood it. usage: node origin.js
const http = require('http');
const crypto = require('crypto');

const server = http.createServer((request, response) => {
  const hash = crypto.createHash('sha256');
  let length = 0;
  request.on('data', (data) => { hash.update(data); length += data.length; });
  request.on('end', () => {
    const report = [request.method, request.url, length, hash.digest('hex').slice(0, 16)];
    response.writeHead(200, { 'X-Report': report.join(' '), 'Content-Length': 0 });
    response.end();
  });
});
server.keepAliveTimeout = server.requestTimeout = server.headersTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
