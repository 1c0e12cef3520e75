import type Docker from 'dockerode'
import { serviceImage } from '../../fixtures/eval-debian.ts'
import { content, dataName } from '../data.ts'
import { askOnce } from '../ask.ts'
import type { EvalService, Place } from '../service.ts'

const page = `<%@ page import="java.io.*,java.nio.file.*,java.util.*" %><%
  String name = request.getParameter("name");
  Path file = Paths.get("/srv/data", new File(name).getName());
  if ("POST".equals(request.getMethod())) {
    Path draft = Files.createTempFile("upload", null);
    Files.copy(request.getInputStream(), draft, StandardCopyOption.REPLACE_EXISTING);
    Files.move(draft, file, StandardCopyOption.REPLACE_EXISTING);
  }
  out.print(Files.exists(file) ? Files.size(file) : -1);
%>
`

export async function tomcat(docker: Docker, image: string): Promise<EvalService> {
  const packages = ['tomcat10', 'openjdk-21-jre-headless']
  const files = { '/var/lib/tomcat10/webapps/ROOT/store.jsp': page }
  const lines = [
    'RUN install -d -o tomcat -g tomcat /srv/data && chown -R tomcat:tomcat /var/lib/tomcat10/webapps /var/log/tomcat10 /var/cache/tomcat10',
    'ENV CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE=/var/lib/tomcat10 CATALINA_TMPDIR=/tmp JAVA_OPTS="-Xmx256m -XX:TieredStopAtLevel=1"',
    'USER tomcat',
    'CMD ["/usr/share/tomcat10/bin/catalina.sh", "run"]',
  ]
  await serviceImage(docker, { name: image, packages, files, lines })
  return {
    name: 'Tomcat',
    kind: 'JVM application server',
    image,
    port: 8080,
    ready: async (at) => {
      await ask(at, 'first', undefined)
    },
    load: async (at, season) => {
      for (let i = 0; i < 10; i++) {
        const name = `${dataName()}.dat`
        await ask(at, name, content(season === 'learn' ? 20_000 : 500_000))
        await ask(at, season === 'learn' ? name : dataName(), undefined)
      }
    },
  }
}

async function ask(at: Place, name: string, body: Buffer | undefined): Promise<void> {
  const options = body === undefined ? {} : { method: 'POST', body }
  const url = `http://${at.address}:8080/store.jsp?name=${name}`
  for (let tries = 0; ; tries++) {
    const answer = await askOnce(url, options)
    const said = await answer.text()
    if (answer.status < 400) return
    if (tries > 40) throw new Error(`tomcat: ${answer.status}: ${said.slice(0, 500)}`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
