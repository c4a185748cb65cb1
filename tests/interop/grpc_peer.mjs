// Calls methods of a gRPC server with @grpc/grpc-js: node grpc_peer.mjs ADDRESS CALLS
// CALLS is a JSON array of objects with `method` and, if there is one, `authorization`. Writes a JSON array of what the client
// gets: `code`, `message`, `text` and `challenges`, which are metadata, in one line.
import grpc from '@grpc/grpc-js';

const [address, calls] = process.argv.slice(2);
const client = new grpc.Client(address, grpc.credentials.createInsecure());
const asItIs = (bytes) => bytes;

const call = ({ method, authorization }) => new Promise((resolve) => {
    const metadata = new grpc.Metadata();
    if (authorization) metadata.set('authorization', authorization);
    const options = { deadline: Date.now() + 60_000 };
    client.makeUnaryRequest(method, asItIs, asItIs, Buffer.alloc(0), metadata, options, (error, answer) => {
        // One field, a short text.
        if (!error) resolve({ code: 0, message: '', text: answer.subarray(2).toString(), challenges: '' });
        else {
            const challenges = error.metadata.get('www-authenticate').join(', ');
            resolve({ code: error.code, message: error.details, text: '', challenges });
        }
    });
});

const got = [];
for (const one of JSON.parse(calls)) got.push(await call(one));
client.close();
console.log(JSON.stringify(got));
