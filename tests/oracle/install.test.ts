import { describe, expect, it } from 'vitest'
import { javaVersion, planFor } from './install.ts'

describe('what Camel needs', () => {
  it('is there, or is installed where that is possible', () => {
    expect(planFor({ java: 17, maven: true, installs: false })).toBeNull()
    expect(planFor({ java: 21, maven: true, installs: true })).toBeNull()
    expect(planFor({ java: 11, maven: true, installs: true })).toBe('install')
    expect(planFor({ java: null, maven: true, installs: true })).toBe('install')
    expect(planFor({ java: 17, maven: false, installs: true })).toBe('install')
  })

  it('is named where it is missing', () => {
    const says = (machine: Parameters<typeof planFor>[0]): unknown => planFor(machine)
    expect(says({ java: null, maven: false, installs: false })).toEqual({
      missing:
        'Apache Camel needs a JDK from 17 on and Maven on the path, and here is no Java compiler (javac) and no Maven (mvn). On Debian: apt-get install default-jdk-headless maven (this script does so itself as root).',
    })
    expect(says({ java: 11, maven: true, installs: false })).toEqual({
      missing: expect.stringContaining('here is Java 11, older than 17.'),
    })
  })

  it('has its version read', () => {
    expect(javaVersion('javac 17.0.15\n')).toBe(17)
    expect(javaVersion('javac 21\n')).toBe(21)
    expect(javaVersion('command not found')).toBeNull()
  })
})
