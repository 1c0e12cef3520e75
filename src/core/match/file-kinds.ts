/** Made by `deploy/file-kinds.ts` from mime-db 1.52.0, ruby-github-linguist 7.27.0-1+b5, shared-mime-info 2.4-5+b2. */
export const fileKinds = {
  executable: `
  .a26 .a78 .agb .cci .cgb .chd .cpl .dll .drv .efi .exe .gb .gba .gbc .gen .gg .hfe .iso .k7 .lib
  .lnx .m7 .mdx .msx .n64 .nds .nes .nez .ngc .ngp .ocx .pce .sap .scr .sfc .sg .sgb .sgd .smc
  .smd .sms .sys .unf .unif .v64 .vb .wad .ws .wsc .z64`,
  interpreted: `
  .a51 .abap .ada .adb .ado .adp .ads .agc .agda .ahk .ahkl .aidl .aj .al .als .ampl .apib .apl
  .app .arc .arr .as .asax .asc .ascx .asd .ash .ashx .asl .asm .asmx .asp .aspx .astro .asy .au3
  .aug .auk .aux .aw .awk .axd .axi .axs .b .bal .bas .bash .bat .bats .bb .bbx .bdy .be .bf .bi
  .bib .bicep .bison .blade .bmx .bones .boo .boot .bpl .bro .brs .bs .bsl .bsv .bzl .c .cairo
  .cake .capnp .cats .cbl .cbx .cc .ccp .cdc .cdf .cds .cfc .cfm .cfml .cgi .cginc .ch .chem .chpl
  .chs .cirru .cjs .cjsx .ck .cl .cl2 .clar .click .clj .cljc .cljs .cljx .clp .cls .clw .cmake
  .cmd .cnc .cob .cobol .cocci .com .coq .cp .cpp .cppm .cps .cpy .cr .cs .csc .csd .csh .css .csx
  .ctl .ctp .cts .cu .cue .cuh .curry .cw .cwl .cxx .cy .cyp .d .d2 .dart .dats .db2 .dcl .ddl
  .decls .dfm .dfy .dhall .di .djs .dlm .dm .do .doh .dpr .druby .dsc .dsl .dsp .dsr .dtx .duby
  .dwl .dyl .dylan .e .ec .ecl .ecr .ect .eex .eh .ejs .el .eliom .elm .elv .em .emacs .eps .epsi
  .eq .erb .erl .es .es6 .ex .exs .eye .f .f03 .f08 .f77 .f90 .f95 .fan .fcgi .fish .flex .flux
  .fnc .fnl .for .forth .fp .fpp .fr .frag .frg .frm .frt .fs .fsh .fsi .fst .fsti .fsx .fth .ftl
  .fun .fut .fx .fxh .fy .g .g4 .gaml .gap .gawk .gco .gcode .gd .gdb .geo .geom .gf .gi .gleam
  .glf .glsl .glslf .glslv .gml .gms .gnu .go .god .golo .gp .grace .grt .gs .gsc .gsh .gsp .gst
  .gsx .gtpl .gvy .gy .gyp .gypi .h .hack .haml .hats .hb .hbs .hc .hcl .hh .hhi .hic .hlean .hlsl
  .hlsli .hoon .hpp .hqf .hql .hrl .hs .hsc .hta .htm .html .hx .hxsl .hxx .hy .i .i3 .i7x .ice
  .iced .icl .idc .idr .ig .ihlp .ijm .ijs .ik .ily .imba .inc .ink .inl .ino .ins .intr .io .iol
  .ipf .ipp .ipynb .isl .iss .ixx .j .j2 .jade .jake .janet .jav .java .jcl .jflex .jinja .jison
  .jl .jnlp .jq .jrd .js .jsb .jscad .jse .jsfl .jsh .jslib .jsm .json .json5 .jsp .jspre .jss
  .jst .jsx .kak .kid .kit .kojo .krl .ks .ksh .ksy .kt .ktm .kts .kv .l .la .lagda .las .lasso
  .latte .lbx .lean .less .lex .lfe .lgt .lhs .lid .lidr .ligo .linq .lisp .lkml .ll .lmi .lol
  .lpr .ls .lsl .lslp .lsp .ltx .lua .lvlib .ly .m .m2 .m3 .m4 .ma .mab .mak .make .mako .man .mao
  .marko .mask .mata .matah .mawk .mc .mcr .md .mdoc .me .metal .mg .minid .mint .mirah .mjs .mk
  .mkii .mkiv .mkvi .ml .ml4 .mli .mligo .mlir .mll .mly .mm .mmd .mmk .mms .mo .mod .moo .moon
  .move .mpl .mps .mq4 .mq5 .mqh .mrc .ms .msd .mspec .mss .mt .mtml .mts .mu .mud .muf .mumps
  .mxt .myt .n .nas .nasl .nasm .nawk .nb .nbp .nc .ncl .ne .nf .ni .nim .nims .nit .nix .njk .njs
  .nl .nlogo .nomad .nqp .nr .nse .nsh .nsi .nss .nu .numpy .numsc .nut .ny .odin .ol .ooc .opa
  .opal .orc .os .ox .oxh .oxo .oz .p .p4 .p6 .p6l .p6m .p8 .pac .pact .pan .pas .pasm .pat .pb
  .pbi .pbt .pck .pcss .pddl .pde .pegjs .pep .per .perl .pfa .pgsql .ph .php .php3 .php4 .php5
  .phps .phpt .phtml .pic .pig .pike .pir .pkb .pks .pl .pl6 .plb .plot .pls .plsql .plt .plx .pm
  .pm6 .pml .pmod .pod .podsl .pogo .polar .pony .por .pov .pp .pprx .prawn .prc .prg .pri .pro
  .prw .ps .ps1 .psc .psd1 .psgi .psm1 .pug .purs .pwn .pxd .pxi .py .py3 .pyde .pyi .pyp .pyt
  .pyw .pyx .q .qasm .qbs .ql .qll .qml .qs .r .r2 .r3 .rabl .rake .raku .raml .razor .rb .rbbas
  .rbfrm .rbi .rbmnu .rbres .rbw .rbx .rbxs .rchit .rd .re .reb .rebol .red .reds .rego .rei .res
  .rex .rexx .rg .rhtml .ring .riot .rkt .rktd .rktl .rl .rmiss .rnh .rno .robot .roff .rpgle .rpy
  .rs .rsc .rsh .rsx .rtf .ru .ruby .s .sage .sas .sass .sats .sbt .sc .scad .scala .scaml .scd
  .sce .sch .sci .scm .sco .scpt .scrbl .scss .sdc .sed .self .sexp .sh .shen .sieve .sig .siv .sj
  .sjs .sl .sld .slim .sls .sma .smali .smk .sml .smt .smt2 .snip .sol .soy .sp .spc .spec .spin
  .sps .sqf .sql .sra .srt .sru .srw .ss .ssjs .sss .st .stan .star .sthlp .story .sty .styl .sv
  .svh .sw .swift .t .tac .tag .talon .tcc .tcl .tcsh .tea .tesc .tese .tex .tf .thor .thy .tla
  .tlv .tm .tmac .tmux .toc .tool .tpb .tpl .tpp .tps .trg .ts .tst .tsx .tu .twig .txl .txx .typ
  .uc .udo .uno .upc .ur .urs .v .vala .vapi .vark .vba .vbe .vbs .vcl .veo .vert .vh .vhd .vhdl
  .vhf .vhi .vho .vhs .vht .vhw .vim .vimrc .vmb .volt .vrx .vs .vsh .vtl .vue .vw .vy .w .wast
  .wat .wdl .wgsl .wisp .wl .wlk .wlt .wlua .wren .wsgi .x .x10 .x68 .xc .xdc .xht .xhtml .xi .xm
  .xpl .xproc .xpy .xq .xql .xqm .xqy .xrl .xs .xsh .xsjs .xsl .xslt .xtend .xzap .y .yacc .yap
  .yar .yara .yrl .yul .yy .zap .zeek .zep .zig .zil .zimpl .zmpl .zpl .zs .zsh`,
  configuration: `
  .abnf .adml .admx .anim .ant .arpa .asn .asn1 .asset .avdl .avsc .axaml .axml .brd .cabal .ccxml
  .cfg .cil .cmp .cnf .conll .cql .crc32 .cscfg .csdef .csl .cson .ct .dae .diff .dita .dof .eb
  .ebnf .edc .edn .env .epj .fea .flf .fxml .gbl .gbo .gbp .gbs .gdns .gko .glade .gmx .gn .gni
  .gpb .gpt .gql .grxml .gtl .gto .gtp .gts .har .hocon .http .hxml .hzp .iml .ini .iuml .ivy
  .jelly .jsonc .jsonl .kml .kql .lark .ld .lds .mat .mbox .md2 .md4 .md5 .meta .mir .mjml .mxml
  .mysql .neon .nginx .ninja .nproj .odd .osm .owl .patch .pbtxt .pd .pkl .plist .prefs .proj
  .props .proto .psc1 .pt .pub .puml .pytb .qhelp .rbs .rdf .reek .reg .regex .resx .rq .rss .rviz
  .scxml .sfd .sfv .sha1 .sha2 .sha3 .sln .snap .srdf .ston .tab .te .tl .tml .toml .tres .tscn
  .udf .ui .unity .urdf .url .ux .vdf .vhost .viw .vxml .wit .wsdl .wsf .wxi .wxl .wxs .x3d .xacro
  .xaml .xib .xlf .xliff .xmi .xml .xmp .xproj .xsd .xspec .yaml .yang .yml .yyp .zcml .zone`,
  data: `
  .aa .aac .aax .aaxc .ac3 .adoc .adts .afm .ag .ai .aif .aifc .aiff .aiffc .amr .amz .anx .ape
  .apng .arw .ass .astc .asx .au .avf .avi .avif .avifs .awb .axa .axv .bdf .bdm .bdmv .bik .bk2
  .blend .bmp .cbr .cbz .cdr .cgm .chm .clpi .cpi .cr2 .cr3 .crw .csv .csvs .cur .dbf .dcm .dcr
  .dds .dff .dia .dib .divx .djv .djvu .dng .doc .docm .docx .dot .dotm .dotx .dsf .dts .dtshd .dv
  .dwg .dxf .egon .emf .eml .epsf .epub .exr .ez .f4a .f4b .f4v .fig .flac .flc .fli .flv .fm
  .fodg .fodp .fods .fodt .fxm .g3 .gbr .gcrd .ged .gif .gih .glb .gltf .gmi .gsf .gsm .gv .hdp
  .heic .heif .hif .hpgl .icb .icns .ico .ics .ief .iff .iges .igs .ilbm .it .j2c .j2k .jad .jfif
  .jng .jp2 .jpc .jpe .jpeg .jpf .jpg .jpg2 .jpgm .jpm .jpx .jxl .jxr .k25 .kar .kdc .key .kil
  .kino .kon .kpm .ktx .ktx2 .lbm .loas .log .lrv .lwo .lwob .lwp .lws .m15 .m1u .m2t .m2ts .m3u
  .m3u8 .m4a .m4b .m4r .m4u .m4v .mc2 .mdb .mdi .mdown .mdwn .med .mid .midi .mj2 .mjp2 .mjpeg
  .mjpg .mk3d .mka .mkd .mkdn .mkv .mmf .mng .mo3 .moov .mov .movie .mp2 .mp3 .mp4 .mpc .mpe .mpeg
  .mpg .mpga .mpls .mpp .mrw .msod .mtl .mtm .muse .mxf .mxmf .mxu .nef .no .nrw .nsc .nsv .obj
  .oda .odb .odc .odf .odg .odi .odm .odp .ods .odt .oga .ogg .ogm .ogv .ogx .opus .ora .orf .org
  .otc .otf .otg .otp .ots .ott .oxps .oxt .pages .pbm .pcf .pcl .pct .pcx .pdf .pef .pfb .pfr
  .pgm .pict .pict1 .pict2 .pk .pla .png .pnm .pntg .po .pod6 .pot .potm .potx .ppam .ppm .pps
  .ppsm .ppsx .ppt .pptm .pptx .ppz .psd .psf .psid .qif .qmd .qoi .qt .qtif .qtl .qtvr .ra .raf
  .ras .raw .rax .rdoc .rest .rgb .rle .rm .rmd .rmj .rmm .rms .rmvb .rmx .rnw .ronn .rp .rst .rt
  .rtx .rv .rvx .rw2 .s3m .sda .sdd .sdp .sds .sdw .sgi .sgl .sgm .sgml .shape .shn .sid .sk .sk1
  .sldm .sldx .slk .smaf .smf .smi .smil .snd .spd .spl .spx .sr2 .srf .stc .std .sti .stl .stm
  .stw .sun .svg .svgz .swf .sxc .sxd .sxg .sxi .sxm .sxw .sylk .tak .texi .tga .tif .tiff .tk
  .tpic .tr .tsv .tta .ttc .ttf .ttl .ttx .txi .txt .ufraw .ult .uni .vcard .vcf .vcs .vct .vda
  .viv .vivo .vlc .vob .voc .vor .vrm .vrml .vsd .vsdm .vsdx .vss .vssm .vssx .vst .vstm .vstx
  .vsw .vtt .wav .wax .wbmp .wcm .wdb .wdp .webm .webp .wiki .wk1 .wk3 .wk4 .wks .wma .wmf .wml
  .wmls .wmv .wmx .woff .woff2 .wp .wp4 .wp5 .wp6 .wpd .wpg .wpl .wpp .wps .wrl .wv .wvc .wvp .wvx
  .x3f .xbm .xcf .xhe .xla .xlam .xlc .xld .xll .xlm .xlr .xls .xlsb .xlsm .xlsx .xlt .xltm .xltx
  .xlw .xmf .xpm .xps .xspf .xul .xwd .yt`,
} as const
