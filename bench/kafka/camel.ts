/** The relay as a route of Apache Camel: this process becomes the Java that runs it. CAMEL_BATCHES=true takes records in batches. */
import { join } from 'node:path'
import process from 'node:process'
import { findJava } from '../../scripts/services/java.ts'
import { camel, classes, java } from './jvm.ts'

const found = findJava(java)
if (found === null || process.execve === undefined)
  throw new Error(`Java ${java} or newer is needed, and a Node that can replace itself (execve).`)
const classpath = `${classes()}:${join(camel.folder(), 'lib', '*')}`
process.execve(
  found.file,
  ['java', '-Xmx512m', '-cp', classpath, 'Relay'],
  process.env as Record<string, string>,
)
