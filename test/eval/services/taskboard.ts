import { expectStatus } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const program = `import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.InetSocketAddress;
import java.nio.file.*;
import java.time.LocalDate;
import java.util.concurrent.Executors;
import java.util.logging.*;
import java.util.zip.*;

public class Taskboard {
  static final Path data = Path.of("/var/lib/taskboard");
  public static void main(String[] arguments) throws Exception {
    Logger log = Logger.getLogger("taskboard");
    log.addHandler(new FileHandler(data + "/taskboard.%g.log", 20_000, 4, true));
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/", exchange -> {
      String[] parts = exchange.getRequestURI().getPath().split("/");
      int status = 200;
      byte[] answer = "kept".getBytes();
      try {
        String account = parts[1];
        if (exchange.getRequestMethod().equals("POST")) {
          Path folder = Files.createDirectories(data.resolve("accounts").resolve(account).resolve(LocalDate.now().toString()));
          Path draft = Files.createTempFile(folder, "task", ".draft");
          Files.write(draft, exchange.getRequestBody().readAllBytes());
          Files.move(draft, folder.resolve(parts[2] + ".task"), StandardCopyOption.REPLACE_EXISTING);
        } else if (account.equals("export")) {
          Path file = Files.createTempFile("export", ".zip");
          try (ZipOutputStream zip = new ZipOutputStream(new FileOutputStream(file.toFile()));
               var all = Files.walk(data.resolve("accounts"))) {
            for (Path one : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
              zip.putNextEntry(new ZipEntry(one.toString()));
              zip.write(Files.readAllBytes(one));
              zip.closeEntry();
            }
          }
          answer = Files.readAllBytes(file);
          Files.delete(file);
        } else answer = Files.readAllBytes(data.resolve("accounts").resolve(account).resolve(LocalDate.now().toString()).resolve(parts[2] + ".task"));
      } catch (Exception error) {
        status = 404;
        log.log(Level.WARNING, "failed", error);
        answer = error.toString().getBytes();
      }
      exchange.sendResponseHeaders(status, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    server.start();
  }
}
`

/** Accounts with a folder of entries for each day, in Java. */
export const taskboard: Service = {
  name: 'taskboard',
  kind: 'app',
  packages: [],
  uses: ['default-jdk-headless'],
  files: { '/srv/taskboard/Taskboard.java': program },
  build: [
    'javac -d /srv/taskboard /srv/taskboard/Taskboard.java',
    'install -d -o www-data /var/lib/taskboard /var/lib/taskboard/accounts',
  ],
  user: 'www-data',
  start: 'exec java -Xmx64m -cp /srv/taskboard Taskboard',
  port: 8080,
  data: '/var/lib/taskboard/accounts',
  load: {
    A: async (at) => {
      for (let i = 0; i < 4; i++) {
        const path = `/${user('A')}/${stem('A')}`
        await expectStatus(200, at, path, { method: 'POST', body: prose('A'), port: 8080 })
        await expectStatus(200, at, path, { port: 8080 })
      }
      await expectStatus(200, at, '/export', { port: 8080 })
    },
    B: async (at) => {
      for (let i = 0; i < 6; i++) {
        const path = `/${user('B')}/${stem('B')}`
        await expectStatus(200, at, path, { method: 'POST', body: bytes('B'), port: 8080 })
      }
      await expectStatus(404, at, `/${user('B')}/${stem('B')}-none`, { port: 8080 })
      await expectStatus(200, at, '/export', { port: 8080 })
    },
  },
}
