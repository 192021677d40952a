/** Gets Apache Camel by Maven, and compiles the relay. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findJava } from '../../scripts/services/java.ts'
import { onPath, runOrThrow } from '../../scripts/services/programs.ts'
import { camel, classes, java } from './jvm.ts'

const obtainable = camel.obtainable()
if (obtainable.state === 'no') throw new Error(obtainable.why)
if (obtainable.state === 'install') camel.install()
const beside = join(dirname(findJava(java)?.file ?? 'java'), 'javac')
const javac = onPath('javac') ?? beside
mkdirSync(classes(), { recursive: true })
const source = fileURLToPath(new URL('camel/Relay.java', import.meta.url))
runOrThrow(javac, ['-d', classes(), '-cp', join(camel.folder(), 'lib', '*'), source])
