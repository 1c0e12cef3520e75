import { connect } from 'node:net'

/**
 * Stands where a source expects the sensor's executable: `sensor-bridge.ts SOCKET ARGUMENT…` starts the sensor in the
 * virtual machine and passes its standard streams on. The end of the input ends the connection, which is the end of
 * input of the sensor there.
 */
const [path = '', ...args] = process.argv.slice(2)
const socket = connect(path)
socket.write(`${args.join(' ')} \n`)
process.stdin.pipe(socket)
socket.pipe(process.stdout)
socket.on('close', () => process.exit(0))
